// Ranks of one process: a thread each, so that what they compute together is tested without MPI.
#pragma once

#include "engine/communicator.hpp"
#include "engine/parallel.hpp"

#include <barrier>
#include <cstring>
#include <functional>
#include <thread>

namespace lookback::test {

// Where the threads leave what the others read.
struct Meeting {
  explicit Meeting(int ranks) : barrier(ranks), values(std::size_t(ranks)) {}
  std::barrier<> barrier;
  std::vector<std::string> values;
};

class ThreadRank : public Communicator {
public:
  ThreadRank(int rank, Meeting& meeting) : rank_(rank), meeting_(meeting) {}
  int rank() const override { return rank_; }
  int size() const override { return int(meeting_.values.size()); }
  int local_rank() const override { return rank_; }
  int local_size() const override { return size(); }
  void abandon() override {}

protected:
  void exchange(const Tensor& from, const Tensor& to) override {
    const auto all = gather(bytes(from));
    const std::size_t row = all[0].size() / all.size();
    for (std::size_t r = 0; r < all.size(); ++r)
      std::memcpy(to.data<char>() + r * row, all[r].data() + std::size_t(rank_) * row, row);
  }
  void gather(const Tensor& mine, const Tensor& all) override {
    char* place = all.data<char>();
    for (const std::string& row : gather(bytes(mine))) {
      std::memcpy(place, row.data(), row.size());
      place += row.size();
    }
  }
  std::vector<std::string> gather(const std::string& mine) override {
    meeting_.values[std::size_t(rank_)] = mine;
    meeting_.barrier.arrive_and_wait();
    std::vector<std::string> all = meeting_.values;
    meeting_.barrier.arrive_and_wait();
    return all;
  }

private:
  static std::string bytes(const Tensor& x) {
    return {x.data<char>(), std::size_t(x.size()) * size_of(x.dtype())};
  }
  int rank_;
  Meeting& meeting_;
};

// Calls f on every rank. Each computes with one thread: the pool serves one caller at a time.
inline void on_ranks(int count, const std::function<void(Communicator&)>& f) {
  const int before = threads();
  set_threads(1);
  Meeting meeting(count);
  {
    std::vector<std::jthread> ranks;
    for (int rank = 0; rank < count; ++rank)
      ranks.emplace_back([&, rank] {
        ThreadRank mine(rank, meeting);
        f(mine);
      });
  }
  set_threads(before);
}

} // namespace lookback::test
