// Evaluates a prior's network at given points, for audits.
#include "nn/prior.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/points.hpp"

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path prior, input, output;
};

// Samples evaluated at a time; results do not depend on it.
constexpr std::int64_t batch = 128;

// [B, C, L] of a file to [B, L, C] of a tensor, and back.
std::vector<float> exchange_axes(std::span<const float> values, std::int64_t first,
                                 std::int64_t second) {
  std::vector<float> result(values.size());
  const std::int64_t each = first * second;
  for (std::int64_t i = 0; i < std::int64_t(values.size()); ++i) {
    const std::int64_t b = i / each, f = i % each / second, s = i % second;
    result[std::size_t(b * each + s * first + f)] = values[std::size_t(i)];
  }
  return result;
}

void evaluate(const Options& o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  Backend& backend = backend_for(line.common().device);
  const nn::Prior prior = nn::read_prior(o.prior, backend);
  const Points points = read_points(o.input);
  const std::int64_t C = points.channels, L = points.length, size = C * L;
  require(C == prior.config.channels, o.input.string(), ": x has ", C, " channels, the prior ",
          prior.config.channels);
  require(L % prior.config.length_divisor() == 0, o.input.string(), ": x has length ", L,
          ", expected a multiple of ", prior.config.length_divisor());

  Scores scores{points.count, C, L, {}, {}};
  Progress progress(line.log(), points.count, "score");
  const std::vector<float> x = exchange_axes(points.x, C, L);
  for (std::int64_t first = 0; first < points.count; first += batch) {
    const std::int64_t B = std::min(batch, points.count - first);
    const Tensor at = Tensor::from<float>(
        {B, L, C}, std::span(x).subspan(std::size_t(first * size), std::size_t(B * size)), backend);
    const Tensor t = Tensor::from<float>(
        {B}, std::span(points.t).subspan(std::size_t(first), std::size_t(B)), backend);
    const auto append = [&](std::vector<float>& to, const Tensor& y) {
      const std::vector<float> values = exchange_axes(y.values<float>(), L, C);
      to.insert(to.end(), values.begin(), values.end());
    };
    append(scores.network, nn::scaled_score(*prior.network, prior.sde, t, at));
    append(scores.score, nn::score(*prior.network, prior.sde, t, at));
    progress.advance(B);
  }
  write_scores(output, scores);
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("score", "Evaluates the network and the score of a prior at given points.");
  line.input("--prior", o.prior, "the prior (lookback-prior)");
  line.input("--input", o.input, "points x[B,C,L] and times t[B] (lookback-points)");
  line.output(o.output, "network[B,C,L] and score[B,C,L] (lookback-scores)");
  line.add_device();
  return line.run(argc, argv, [&] { evaluate(o, line); });
}
