// The processes (ranks) that train one network together. A sum is added in a fixed order, so its
// bits depend on the number of ranks alone, not on timing nor on what a library finds fastest, and
// every rank holds the same ones. All ranks make the same calls in the same order.
#pragma once

#include "engine/tensor.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lookback {

// An Error that every rank throws alike.
struct SharedError : Error {
  using Error::Error;
};
// What one rank alone meets, such as that another does not answer.
struct RankFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Communicator {
public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0; // among those on this machine
  virtual int local_size() const = 0;
  // Called by a rank that ends because of what it alone met: the job ends with it.
  virtual void abandon() = 0;

  // x of every rank becomes the sum of all of them, added as the tree ((0 1) (2 3)) ...; 2 (R -
  // 1)/R of it is sent, whatever the number of ranks R.
  void sum(const Tensor& x);
  double sum(double value); // over the ranks, from 0 on
  bool any(bool value);
  // SharedError: the text differs between two ranks; `what` it stands for is named, with `fix`.
  void require_same(const std::string& text, const std::string& what, const std::string& fix);
  // Calls f, which must not communicate. An Error of any becomes the SharedError of all.
  template <class F> void together(F&& f) {
    std::string failure;
    try {
      f();
    } catch (const Error& error) {
      failure = error.what();
    }
    fail_with_any(failure);
  }

  // f is called again and again while this rank waits for the others.
  void while_waiting(std::function<void()> f) { waiting_ = std::move(f); }

protected:
  // Row r of from[R, n] goes to rank r, which keeps it as the row of the sender in to[R, n].
  virtual void exchange(const Tensor& from, const Tensor& to) = 0;
  // mine[n] of every rank, in their order -> all[R, n] of every rank.
  virtual void gather(const Tensor& mine, const Tensor& all) = 0;
  virtual std::vector<std::string> gather(const std::string& mine) = 0;

  std::function<void()> waiting_;

private:
  void fail_with_any(const std::string& failure);
};

class OneRank : public Communicator {
public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  void abandon() override {}

protected:
  void exchange(const Tensor& from, const Tensor& to) override;
  void gather(const Tensor& mine, const Tensor& all) override;
  std::vector<std::string> gather(const std::string& mine) override { return {mine}; }
};
Communicator& one_rank();

// What an MPI launcher tells the processes it starts; rank -1: started by none.
struct Launched {
  int rank = -1, size = 1;
};
Launched launched();

// The ranks that a launcher (mpirun) started together with this process; else this one alone.
// Errors: started as one of several by a launcher of a library that is not built in.
std::unique_ptr<Communicator> join_ranks();
// For several ranks: leaves each the GPU of its turn on this machine, of those that
// CUDA_VISIBLE_DEVICES names or else of all. Before the first use of a GPU.
void choose_gpu(const Communicator& ranks);
bool mpi_built_in();
bool nccl_built_in();

} // namespace lookback
