// Small dense algebra of a block of threads (cuda/block_algebra.cuh) against what defines it.
#include "cuda/block_algebra.cuh"

#include "tests/inference/gaussian_case.hpp"

#include <Eigen/LU>
#include <doctest/doctest.h>
#include <vector>

using namespace lookback;
using namespace lookback::cuda;
using namespace lookback::test;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

template <class F> void by_a_block(const F& f) {
  emulation::run_blocks(1, block_threads, f);
}

// A result that all threads must agree on; NaN if they do not.
struct Agreed {
  std::vector<double> values = std::vector<double>(block_threads);
  void set(double v) { values[threadIdx.x] = v; }
  double value() const {
    for (const double v : values)
      if (v != values[0]) return NAN;
    return values[0];
  }
};

} // namespace

TEST_CASE("cuda emulation: sums of a block are the sums, of few outputs and of many") {
  for (const int outputs : {0, 1, 7, 100, 300})
    for (const int terms : {0, 1, 50}) {
      const MatrixXd a = normals(outputs, terms, 1);
      VectorXd sums = VectorXd::Constant(outputs, NAN);
      Agreed total;
      by_a_block([&] {
        sum_terms(
            outputs, terms, [&](int o, int t) { return a(o, t); },
            [&](int o, double sum) { sums[o] = sum; });
        total.set(sum_of(outputs, [&](int o) { return sums[o]; }));
      });
      CHECK((sums - a.rowwise().sum()).norm() <= 1e-12 * std::sqrt(double(outputs * terms)));
      CHECK(total.value() == doctest::Approx(a.sum()));
    }
}

TEST_CASE(
    "cuda emulation: a block's Cholesky factor gives the matrix back, and tells where none is") {
  for (const int n : {1, 5, 40}) {
    const MatrixXd c = covariance(n, 2);
    MatrixXd a = c;
    VectorXd room(n);
    Agreed positive;
    by_a_block([&] { positive.set(cholesky(n, a.data(), room.data())); });
    CHECK(positive.value() == 1);
    const MatrixXd l = a.triangularView<Eigen::Lower>();
    CHECK((l * l.transpose() - c).norm() < 1e-13 * c.norm());

    const VectorXd b = normals(n, 1, 3);
    VectorXd x = b;
    by_a_block([&] {
      const auto factor = [&](int i, int j) { return l(i, j); };
      const auto place = [&](int i, int) -> double& { return x[i]; };
      solve_lower(n, 1, factor, place);
      solve_lower_transposed(n, 1, factor, place);
    });
    CHECK((c * x - b).norm() < 1e-11 * b.norm()); // rounding by a condition number below 1000
    MatrixXd indefinite = c;
    indefinite(n - 1, n - 1) = -1;
    by_a_block([&] { positive.set(cholesky(n, indefinite.data(), room.data())); });
    CHECK(positive.value() == 0);
  }
}

TEST_CASE("cuda emulation: a block's pivoted factor finds rank and span of a matrix of few rows") {
  const int n = 12;
  for (const int rank : {0, 1, 5, 12}) {
    const MatrixXd rows = normals(n, rank, 4) * normals(rank, 20, 5),
                   gram = rows * rows.transpose();
    MatrixXd c = MatrixXd::Zero(n, n);
    std::vector<int> taken(n);
    VectorXd room(n);
    Agreed found;
    by_a_block([&] {
      found.set(pivoted_cholesky(n, gram.data(), 1e-5, c.data(), taken.data(), room.data()));
    });
    CHECK(found.value() == rank);
    CHECK((c.leftCols(rank) * c.leftCols(rank).transpose() - gram).norm() <= 1e-12 * gram.norm());
    for (int k = 1; k < rank; ++k) // the longest first
      CHECK(c(taken[std::size_t(k)], k) <= c(taken[std::size_t(k - 1)], k - 1));
  }
}

TEST_CASE("cuda emulation: a block's LU factors solve a system whose pivots are elsewhere") {
  for (const int n : {1, 2, 17}) {
    MatrixXd m = normals(n, n, 6);
    if (n > 1) m(0, 0) = 0;
    MatrixXd a = m;
    std::vector<int> swapped(std::size_t(n), 0);
    const VectorXd b = normals(n, 1, 7);
    VectorXd x = b;
    by_a_block([&] {
      lu(n, a.data(), swapped.data());
      solve_lu(n, a.data(), swapped.data(), x.data());
    });
    CHECK((m * x - b).norm() < 1e-11 * b.norm());
    CHECK(std::abs(a.diagonal().prod()) == doctest::Approx(std::abs(m.determinant())));
  }
}
