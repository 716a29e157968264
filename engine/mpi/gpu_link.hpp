// The GPUs of the ranks, one each, joined by NCCL.
#pragma once

#include "engine/tensor.hpp"

#include <functional>
#include <memory>
#include <string>

namespace lookback {

class GpuLink {
public:
  virtual ~GpuLink() = default;
  // As those of Communicator; tensors are the GPU's.
  virtual void exchange(const Tensor& from, const Tensor& to) = 0;
  virtual void gather(const Tensor& mine, const Tensor& all) = 0;
};

// `from_rank_0` gives every rank the text that rank 0 puts in. Null where NCCL is not built in: the
// tensors then pass through the host's memory.
std::unique_ptr<GpuLink> link_gpus(int rank, int size,
                                   const std::function<std::string(std::string)>& from_rank_0);

} // namespace lookback
