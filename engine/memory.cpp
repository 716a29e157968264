#include "engine/memory.hpp"

namespace lookback {

std::shared_ptr<Pool> Pool::make(Allocate allocate, Free free) {
  return std::shared_ptr<Pool>(new Pool(std::move(allocate), std::move(free)));
}

Pool::~Pool() {
  for (auto& [bytes, blocks] : idle_)
    for (void* block : blocks) free_(block);
}

std::shared_ptr<void> Pool::take(std::size_t bytes) {
  const std::size_t granule = 256;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + granule - 1) / granule * granule;
  void* block = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& blocks = idle_[rounded];
    if (!blocks.empty()) {
      block = blocks.back();
      blocks.pop_back();
    }
  }
  if (!block) {
    block = allocate_(rounded);
    ++system_allocations_;
  }
  return {block, [pool = shared_from_this(), rounded](void* p) {
            const std::lock_guard lock(pool->mutex_);
            pool->idle_[rounded].push_back(p);
          }};
}

} // namespace lookback
