// Linked in place of cuda/ where CUDA is not built in.
#include "engine/backend.hpp"

namespace lookback {

bool cuda_built_in() {
  return false;
}

Backend& cuda_backend() {
  fail("device cuda: this build has no CUDA; install the CUDA Toolkit and configure again, or use "
       "--device cpu");
}

} // namespace lookback
