#include "engine/communicator.hpp"

#include "engine/backend.hpp"

#include <cstdlib>
#include <cstring>
#include <sstream>

namespace lookback {
namespace {

int from_environment(std::initializer_list<const char*> names, int otherwise) {
  for (const char* name : names)
    if (const char* value = std::getenv(name)) return std::atoi(value);
  return otherwise;
}

} // namespace

// Every rank adds one slice of x.
void Communicator::sum(const Tensor& x) {
  const std::int64_t R = size(), n = (x.size() + R - 1) / R;
  if (R == 1) return;
  Backend& backend = x.backend();
  const Tensor all({R, n}, x.dtype(), backend), received = empty_like(all);
  const Tensor values = all.part(0, x.shape());
  backend.fill(all, 0);
  backend.copy(x, values);
  exchange(all, received);
  const auto slice = [&](std::int64_t r) { return received.part(r * n, {n}); };
  for (std::int64_t stride = 1; stride < R; stride *= 2)
    for (std::int64_t r = 0; r + stride < R; r += 2 * stride)
      backend.scale(1, slice(r + stride), {slice(r), true});
  gather(slice(0), all);
  backend.copy(values, x);
}

double Communicator::sum(double value) {
  double total = 0;
  for (const std::string& bytes : gather(std::string(reinterpret_cast<char*>(&value), 8))) {
    double part;
    std::memcpy(&part, bytes.data(), 8);
    total += part;
  }
  return total;
}

bool Communicator::any(bool value) {
  return sum(double(value)) > 0;
}

void Communicator::require_same(const std::string& text, const std::string& what,
                                const std::string& fix) {
  const std::vector<std::string> all = gather(text);
  for (std::size_t r = 1; r < all.size(); ++r)
    if (all[r] != all[0])
      throw SharedError("rank " + std::to_string(r) + " has another " + what + " than rank 0; " +
                        fix);
}

void Communicator::fail_with_any(const std::string& failure) {
  const std::vector<std::string> all = gather(failure);
  for (std::size_t r = 0; r < all.size(); ++r)
    if (!all[r].empty())
      throw SharedError(r == 0 ? all[r] : "rank " + std::to_string(r) + ": " + all[r]);
}

void OneRank::exchange(const Tensor& from, const Tensor& to) {
  from.backend().copy(from, to);
}

void OneRank::gather(const Tensor& mine, const Tensor& all) {
  mine.backend().copy(mine, all);
}

Launched launched() {
  // Open MPI; MPICH, Intel MPI and Slurm; PMIx.
  return {from_environment({"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"}, -1),
          from_environment({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1)};
}

void choose_gpu(const Communicator& ranks) {
  const auto turn = std::size_t(ranks.local_rank());
  if (ranks.size() == 1) return;
  std::vector<std::string> visible;
  if (const char* list = std::getenv("CUDA_VISIBLE_DEVICES")) {
    std::istringstream entries(list);
    for (std::string entry; std::getline(entries, entry, ',');) visible.push_back(entry);
  }
  const std::string mine = visible.empty() ? std::to_string(turn) : visible[turn % visible.size()];
  ::setenv("CUDA_VISIBLE_DEVICES", mine.c_str(), 1);
}

Communicator& one_rank() {
  static OneRank instance;
  return instance;
}

} // namespace lookback
