// What holds for every op on the CPU: precision, threads, batches, adding, memory that is not
// clean.
#include "tests/op_properties.hpp"

#include "engine/parallel.hpp"

using namespace lookback;
using namespace lookback::test;

TEST_CASE("float32 results are those of float64 within the rounding of the sums") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    check_close(evaluate(c, DType::f32, cpu_backend()), evaluate(c, DType::f64, cpu_backend()),
                rounding_bound(c, DType::f32));
  }
}

TEST_CASE("every op gives the same bits with any number of threads") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (DType type : {DType::f32, DType::f64}) {
      set_threads(1);
      const Evaluation alone = evaluate(c, type, cpu_backend());
      for (int count : {2, 3}) {
        set_threads(count);
        check_same_bits(evaluate(c, type, cpu_backend()), alone);
      }
    }
  }
  set_threads(0);
}

TEST_CASE("the bits of a sample do not depend on the batch it is in") {
  check_batch_independence(cpu_backend());
}

TEST_CASE("a gradient is added to what stands in its place") {
  check_adding(cpu_backend());
}

TEST_CASE("no op reads memory that nobody has written") {
  check_unwritten_memory(cpu_backend());
}

TEST_CASE("a case exists for every op that the list of ops declares") {
  const std::set<std::string> expected = {
      "variable",         "activate",     "add",        "reshape",
      "scale_samples",    "squared_norm", "mean",       "conv1d",
      "linear",           "attention",    "group_norm", "resample",
      "fourier_features", "concat"};
  CHECK(ops_with_a_case(cpu_backend()) == expected);
}
