#include "engine/parallel.hpp"

#include "engine/error.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace lookback {
namespace {

thread_local bool inside_work = false;

// Between two looks at a variable that another core is about to change.
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Workers sleep until a generation of work starts. `next_` hands out pieces.
class ThreadPool {
public:
  explicit ThreadPool(int count) {
    for (int i = 1; i < count; ++i) workers_.emplace_back([this] { serve(); });
  }
  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  int size() const { return int(workers_.size()) + 1; }

  void run(std::int64_t count, const std::function<void(std::int64_t)>& f) {
    work_ = &f;
    count_ = count;
    next_.store(0);
    busy_.store(int(workers_.size()));
    {
      const std::lock_guard lock(mutex_);
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    take_pieces();
    for (int spin = 0; busy_.load() > 0; ++spin)
      spin < 10000 ? pause() : std::this_thread::yield();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

private:
  void take_pieces() {
    inside_work = true;
    for (std::int64_t i; (i = next_.fetch_add(1)) < count_;) {
      try {
        (*work_)(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    inside_work = false;
  }

  void serve() {
    std::int64_t seen = 0;
    while (true) {
      // The next operation usually follows within microseconds: look for it before going to sleep.
      for (int spin = 0; spin < 2000 && generation_.load() == seen; ++spin)
        pause();
      if (generation_.load() == seen) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
      }
      ++seen;
      {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
      }
      take_pieces();
      busy_.fetch_sub(1);
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::int64_t> generation_{0}, next_{0};
  std::atomic<int> busy_{0};
  std::int64_t count_ = 0;
  const std::function<void(std::int64_t)>* work_ = nullptr;
  std::exception_ptr error_;
  bool stop_ = false;
};

int hardware_threads() {
  return std::max(1, int(std::thread::hardware_concurrency()));
}

std::unique_ptr<ThreadPool>& pool() {
  static auto instance = std::make_unique<ThreadPool>(hardware_threads());
  return instance;
}

} // namespace

void set_threads(int count) {
  require(count >= 0 && count <= 4096, "threads: ", count,
          " asked for; expected 0 (all cores) to 4096");
  const int wanted = count == 0 ? hardware_threads() : count;
  if (pool()->size() != wanted) pool() = std::make_unique<ThreadPool>(wanted);
}

int threads() {
  return pool()->size();
}

void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& f) {
  if (inside_work || count <= 1 || threads() == 1) {
    for (std::int64_t i = 0; i < count; ++i) f(i);
    return;
  }
  pool()->run(count, f);
}

} // namespace lookback
