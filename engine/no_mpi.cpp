// Linked in place of engine/mpi/ where MPI is not built in.
#include "engine/communicator.hpp"

namespace lookback {

bool mpi_built_in() {
  return false;
}

bool nccl_built_in() {
  return false;
}

std::unique_ptr<Communicator> join_ranks() {
  require(launched().size <= 1, "started as one of ", launched().size,
          " processes, but this build has no MPI; configure again with -DLOOKBACK_MPI=ON");
  return std::make_unique<OneRank>();
}

} // namespace lookback
