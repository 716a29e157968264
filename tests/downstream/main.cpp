#include "nn/score_matching.hpp"
#include "physics/cosmology.hpp"

#include <cstdio>

int main() {
  using namespace lookback;
  nn::Ncsnpp network({.channels = 2, .nf = 8, .ch_mult = {1, 2}}, cpu_backend());
  network.params().initialise(1);
  Tensor x({1, 8, 2}, DType::f32, cpu_backend()), t({1}, DType::f32, cpu_backend());
  cpu_backend().fill(x, 0.5);
  cpu_backend().fill(t, 0.5);
  const Tensor score = nn::score(network, {}, t, x);
  std::printf("%zu score values, the universe is %.3f Gyr old\n", score.values<float>().size(), physics::age_gyr(0));
  return score.size() == 16 ? 0 : 1;
}
