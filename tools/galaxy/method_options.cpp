#include "tools/galaxy/method_options.hpp"

namespace lookback::tools {

void add_method_options(Command& line, MethodOptions& o) {
  line.choice("--method", o.name, {"dkps", "tmpd", "pigdm", "cla", "dps", "latent", "cla-diagonal"},
              "posterior method; latent is the slow one to check the others by, cla-diagonal the "
              "published one");
  line.option(
          "--steps", o.steps, "N",
          "steps or noise levels; default: 1000 of euler-maruyama and cla-diagonal, 40 of heun, "
          "50 of dkps and tmpd, 200 of pigdm, 400 of cla, 1000 of dps, 12 of latent")
      ->check(in_range(1, 1000000));
  line.choice(
      "--covariance", o.covariance, {"mixture", "jacobian"},
      "of a history given a noisy one, for dkps and latent: the prior file's mixture, or the "
      "network's own derivative (slow)");
  line.choice("--integrator", o.integrator, {"euler", "ancestral", "heun", "predictor-corrector"},
              "of tmpd, pigdm, cla and dps");
  line.option("--latent-moves", o.latent.moves, "N",
              "of latent's chains, the first half of which is left out")
      ->check(in_range(1, 1000000));
  line.flag("--jitter", o.noise.jitter,
            "draw a scale of all stated noise with the history, between 0.5 and 5");
  line.flag("--outliers", o.noise.outliers,
            "draw which pixels, a tenth at most, have ten times the noise, with the history");
  line.option("--cla-draws", o.cla.draws, "N", "draws for the diagonal of A A^T");
  line.option("--clip", o.cla.clip, "C",
              "cut sigma |likelihood score| to C sqrt(elements); 0: never");
}

} // namespace lookback::tools
