// NCCL moves slices only; the sums are the backend's, in the order that Communicator::sum gives
// them. All of it runs on the backend's stream, after the kernels that made the values.
#include "cuda/cuda_backend.cuh"
#include "engine/communicator.hpp"
#include "engine/mpi/gpu_link.hpp"

#include <nccl.h>

namespace lookback {
namespace {

void check(ncclResult_t status, const char* call) {
  if (status == ncclSuccess) return;
  throw RankFailure(std::string("the GPUs of the ranks do not reach each other: ") + call +
                    " failed: " + ncclGetErrorString(status));
}

cudaStream_t stream_of(const Tensor& x) {
  return static_cast<cuda::CudaBackend&>(x.backend()).stream();
}

std::size_t bytes(const Tensor& x) {
  return std::size_t(x.size()) * size_of(x.dtype());
}

class Nccl : public GpuLink {
public:
  Nccl(int rank, int size, const ncclUniqueId& id) : size_(size) {
    check(ncclCommInitRank(&comm_, size, id, rank), "ncclCommInitRank");
  }
  ~Nccl() override { ncclCommDestroy(comm_); }

  void exchange(const Tensor& from, const Tensor& to) override {
    const std::size_t row = bytes(from) / std::size_t(size_);
    check(ncclGroupStart(), "ncclGroupStart");
    for (int r = 0; r < size_; ++r) {
      check(ncclSend(from.data<char>() + std::size_t(r) * row, row, ncclChar, r, comm_,
                     stream_of(from)),
            "ncclSend");
      check(
          ncclRecv(to.data<char>() + std::size_t(r) * row, row, ncclChar, r, comm_, stream_of(to)),
          "ncclRecv");
    }
    check(ncclGroupEnd(), "ncclGroupEnd");
  }

  void gather(const Tensor& mine, const Tensor& all) override {
    check(ncclAllGather(mine.data<char>(), all.data<char>(), bytes(mine), ncclChar, comm_,
                        stream_of(all)),
          "ncclAllGather");
  }

private:
  int size_;
  ncclComm_t comm_ = nullptr;
};

} // namespace

bool nccl_built_in() {
  return true;
}

std::unique_ptr<GpuLink> link_gpus(int rank, int size,
                                   const std::function<std::string(std::string)>& from_rank_0) {
  ncclUniqueId id = {};
  if (rank == 0) check(ncclGetUniqueId(&id), "ncclGetUniqueId");
  const std::string shared = from_rank_0(std::string(id.internal, sizeof id.internal));
  shared.copy(id.internal, sizeof id.internal);
  return std::make_unique<Nccl>(rank, size, id);
}

} // namespace lookback
