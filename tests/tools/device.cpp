#include "engine/backend.hpp"
#include "tests/tools/run_tool.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

bool has_cuda_device() {
  try {
    cuda_backend();
    return true;
  } catch (const Error&) {
    return false;
  }
}

} // namespace

TEST_CASE("--device cuda where there is none is refused in one line that says what to do") {
  if (has_cuda_device()) return;
  const auto result =
      run_tool("train", {"--histories", "no.h5", "-o", "none.h5", "--device", "cuda"});
  CHECK(refused(result, "none.h5"));
  CHECK(result.err.find("use --device cpu") != std::string::npos);
}

TEST_CASE("--precision tf32 is refused on the CPU, which has none") {
  const auto result =
      run_tool("train", {"--histories", "no.h5", "-o", "none.h5", "--precision", "tf32"});
  CHECK(refused(result, "none.h5"));
  CHECK(result.err.find("use fp32 or bf16") != std::string::npos);
}
