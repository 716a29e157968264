// A deterministic caching allocator: freed blocks wait in a list of their size and serve the next
// request of that size. The same sequence of requests gets the same addresses, and a loop of fixed
// shapes asks the system for nothing after its first turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace lookback {

class Pool : public std::enable_shared_from_this<Pool> {
public:
  using Allocate = std::function<void*(std::size_t bytes)>;
  using Free = std::function<void(void*)>;
  static std::shared_ptr<Pool> make(Allocate allocate, Free free);
  ~Pool();

  // Where the system gives no more, idle blocks go back to it and it is asked once more.
  std::shared_ptr<void> take(std::size_t bytes);
  std::int64_t system_allocations() const { return system_allocations_; }

private:
  Pool(Allocate allocate, Free free) : allocate_(std::move(allocate)), free_(std::move(free)) {}
  void free_idle();
  Allocate allocate_;
  Free free_;
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<void*>> idle_;
  std::int64_t system_allocations_ = 0;
};

} // namespace lookback
