// The features are those that the compiler's switches fixed; a device is looked for by the tools
// that use one.
#include "engine/backend.hpp"
#include "tools/common/command_line.hpp"

namespace lookback::tools {

namespace {

constexpr const char* instruction_set =
#if defined(__AVX512F__)
    "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
    "AVX2 and FMA";
#elif defined(__AVX__)
    "AVX";
#elif defined(__ARM_NEON)
    "NEON";
#else
    "the architecture's baseline";
#endif

} // namespace

std::string version_text() {
  return std::string("lookback ") + LOOKBACK_VERSION +
         "\nCUDA: " + (cuda_built_in() ? "yes" : "no") +
         "\nCPU instruction set: " + instruction_set + "\nfile formats: version 1\n";
}

} // namespace lookback::tools
