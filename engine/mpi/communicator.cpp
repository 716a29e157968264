// Ranks over MPI (MPI Forum 2021, MPI-3.1 and later). The library moves bytes and adds nothing.
#include "engine/communicator.hpp"

#include "engine/backend.hpp"
#include "engine/mpi/gpu_link.hpp"

#include <cstdlib>
#include <limits>
#include <mpi.h>

namespace lookback {
namespace {

void check(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw RankFailure(std::string("the other ranks do not answer; one of them has probably ended (") +
                    call + ": " + text + ")");
}

int as_count(std::size_t bytes) {
  require(bytes <= std::size_t(std::numeric_limits<int>::max()), "mpi: ", bytes,
          " bytes for one rank; expected at most 2^31 - 1; use more ranks");
  return int(bytes);
}

std::size_t bytes_of(const Tensor& x) {
  return std::size_t(x.size()) * size_of(x.dtype());
}

class Mpi : public Communicator {
public:
  Mpi() {
    int level = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm machine;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine),
          "MPI_Comm_split_type");
    MPI_Comm_rank(machine, &local_rank_);
    MPI_Comm_size(machine, &local_size_);
    MPI_Comm_free(&machine);
  }
  ~Mpi() override {
    gpus_.reset();
    if (!abandoned_) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }

  // At the end of the process, so that it can say before why.
  void abandon() override {
    abandoned_ = true;
    std::atexit([] { MPI_Abort(MPI_COMM_WORLD, 1); });
  }

protected:
  void exchange(const Tensor& from, const Tensor& to) override {
    if (GpuLink* gpus = gpus_of(from)) return gpus->exchange(from, to);
    const int row = as_count(bytes_of(from) / std::size_t(size_));
    through_host(from, to, [&](const void* sent, void* received) {
      MPI_Request request;
      check(MPI_Ialltoall(sent, row, MPI_BYTE, received, row, MPI_BYTE, MPI_COMM_WORLD, &request),
            "MPI_Ialltoall");
      wait(request);
    });
  }

  void gather(const Tensor& mine, const Tensor& all) override {
    if (GpuLink* gpus = gpus_of(mine)) return gpus->gather(mine, all);
    const int row = as_count(bytes_of(mine));
    through_host(mine, all, [&](const void* sent, void* received) {
      MPI_Request request;
      check(MPI_Iallgather(sent, row, MPI_BYTE, received, row, MPI_BYTE, MPI_COMM_WORLD, &request),
            "MPI_Iallgather");
      wait(request);
    });
  }

  std::vector<std::string> gather(const std::string& mine) override {
    const auto R = std::size_t(size_);
    const int length = as_count(mine.size());
    std::vector<int> lengths(R), first(R + 1);
    MPI_Request request;
    check(MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, MPI_COMM_WORLD, &request),
          "MPI_Iallgather");
    wait(request);
    for (std::size_t r = 0; r < R; ++r) first[r + 1] = first[r] + lengths[r];
    std::string bytes(std::size_t(first[R]), '\0');
    check(MPI_Iallgatherv(mine.data(), length, MPI_BYTE, bytes.data(), lengths.data(), first.data(),
                          MPI_BYTE, MPI_COMM_WORLD, &request),
          "MPI_Iallgatherv");
    wait(request);
    std::vector<std::string> result;
    for (std::size_t r = 0; r < R; ++r)
      result.push_back(bytes.substr(std::size_t(first[r]), std::size_t(lengths[r])));
    return result;
  }

private:
  void wait(MPI_Request& request) const {
    for (int done = 0; !done;) {
      check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (waiting_) waiting_();
    }
  }

  template <class Move>
  static void through_host(const Tensor& from, const Tensor& to, Move&& move) {
    if (from.backend().device() == Device::cpu) return move(from.data<void>(), to.data<void>());
    std::vector<std::byte> sent(bytes_of(from)), received(bytes_of(to));
    from.backend().download(from, sent.data());
    move(sent.data(), received.data());
    to.backend().upload(received.data(), to);
  }

  // The link is made at its first use, by all ranks together.
  GpuLink* gpus_of(const Tensor& x) {
    if (x.backend().device() == Device::cpu || !nccl_built_in()) return nullptr;
    if (!gpus_)
      gpus_ = link_gpus(rank_, size_, [&](const std::string& mine) { return gather(mine)[0]; });
    return gpus_.get();
  }

  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  bool abandoned_ = false;
  std::unique_ptr<GpuLink> gpus_;
};

} // namespace

bool mpi_built_in() {
  return true;
}

std::unique_ptr<Communicator> join_ranks() {
  if (launched().rank < 0) return std::make_unique<OneRank>();
  return std::make_unique<Mpi>();
}

} // namespace lookback
