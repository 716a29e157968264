// In place of level_on_device.cu where CUDA is not built in: no tensor is on a GPU then.
#include "tools/inference/level_on_device.hpp"

namespace lookback::tools {
namespace {

[[noreturn]] void refuse() {
  fail("dkps: this build has no CUDA");
}

} // namespace

void make_factors(const MixtureOnDevice&, const Tensor&, const Tensor&) {
  refuse();
}
void network_input(const Tensor&, const Tensor&) {
  refuse();
}
void denoised(const LevelOnDevice&, const Tensor&) {
  refuse();
}
void draw_level(const LevelOnDevice&) {
  refuse();
}
void next_level(const LevelOnDevice&, const Tensor&) {
  refuse();
}

} // namespace lookback::tools
