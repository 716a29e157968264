// Chooses among the kernels compiled for several instruction sets: the widest that this processor
// has, or the one that the environment variable LOOKBACK_ISA names (for tests and comparisons).
#include "engine/backend.hpp"

#include <cstdlib>

namespace lookback {

namespace cpu {
namespace portable {
Backend& backend();
}
namespace avx2 {
Backend& backend();
}
namespace avx512 {
Backend& backend();
}

namespace {

struct InstructionSet {
  const char* name;
  Backend& (*backend)();
  bool available;
};

// Narrow to wide.
std::vector<InstructionSet> instruction_sets() {
  return {
      {"portable", portable::backend, true},
#ifdef LOOKBACK_ISA_avx2
      {"avx2", avx2::backend, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#endif
#ifdef LOOKBACK_ISA_avx512
      {"avx512", avx512::backend,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")},
#endif
  };
}

InstructionSet choose() {
  const char* wish = std::getenv("LOOKBACK_ISA");
  InstructionSet chosen{};
  std::string names;
  for (const InstructionSet& set : instruction_sets()) {
    if (!set.available) continue;
    names += (names.empty() ? "" : ", ") + std::string(set.name);
    if (!wish || set.name == std::string(wish)) chosen = set;
  }
  require(chosen.name, "LOOKBACK_ISA is ", wish ? wish : "", "; this build and processor have ",
          names);
  return chosen;
}

const InstructionSet& chosen() {
  static const InstructionSet set = choose();
  return set;
}

} // namespace
} // namespace cpu

Backend& cpu_backend() {
  return cpu::chosen().backend();
}

const char* cpu_instruction_set() {
  return cpu::chosen().name;
}

Precision precision_named(const std::string& name) {
  require(name == "fp32" || name == "tf32" || name == "bf16", "precision ", name,
          " is unknown; expected fp32, tf32 or bf16");
  return name == "fp32" ? Precision::fp32 : name == "tf32" ? Precision::tf32 : Precision::bf16;
}

Backend& backend_for(const std::string& device) {
  require(device == "cpu" || device == "cuda", "device ", device,
          " is unknown; expected cpu or cuda");
  return device == "cpu" ? cpu_backend() : cuda_backend();
}

} // namespace lookback
