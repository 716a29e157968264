#pragma once

#include "engine/backend.hpp"

#include <cstdio>

namespace lookback::test {

// The CUDA backend, or null after printing the line that makes ctest report a skip.
inline Backend* cuda_device_or_skip() {
  try {
    return &cuda_backend();
  } catch (const Error& error) {
    std::printf("SKIPPED: no CUDA device (%s)\n", error.what());
    return nullptr;
  }
}

} // namespace lookback::test
