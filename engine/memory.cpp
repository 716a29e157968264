#include "engine/memory.hpp"

namespace lookback {

std::shared_ptr<Pool> Pool::make(Allocate allocate, Free free) {
  return std::shared_ptr<Pool>(new Pool(std::move(allocate), std::move(free)));
}

Pool::~Pool() {
  free_idle();
}

void Pool::free_idle() {
  const std::lock_guard lock(mutex_);
  for (auto& [bytes, blocks] : idle_)
    for (void* block : blocks) free_(block);
  idle_.clear();
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
    try {
      block = allocate_(rounded);
    } catch (const std::exception&) {
      free_idle(); // blocks of other sizes may make room
      block = allocate_(rounded);
    }
    ++system_allocations_;
  }
  return {block, [pool = shared_from_this(), rounded](void* p) {
            const std::lock_guard lock(pool->mutex_);
            pool->idle_[rounded].push_back(p);
          }};
}

} // namespace lookback
