// A GPU is looked for by the tools that use one, not here.
#include "engine/backend.hpp"
#include "engine/communicator.hpp"
#include "tools/common/command_line.hpp"

namespace lookback::tools {

std::string version_text() {
  return std::string("lookback ") + LOOKBACK_VERSION +
         "\nCUDA: " + (cuda_built_in() ? "yes" : "no") +
         "\nMPI: " + (mpi_built_in() ? "yes" : "no") +
         "\nNCCL: " + (nccl_built_in() ? "yes" : "no") +
         "\nCPU instruction set: " + cpu_instruction_set() + "\nfile formats: version 1\n";
}

} // namespace lookback::tools
