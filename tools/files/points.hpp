// lookback-points and lookback-scores: where to evaluate the network, and what it gave.
#pragma once

#include "tools/files/output.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lookback::tools {

struct Points {
  std::int64_t count = 0, channels = 2, length = 0;
  std::vector<float> x; // [count, channels, length]
  std::vector<float> t; // [count]
};

struct Scores {
  std::int64_t count = 0, channels = 2, length = 0;
  std::vector<float> network, score; // [count, channels, length] raw network; network / sigma(t)
};

Points read_points(const std::filesystem::path& file);
void write_points(const OutputFile& output, const Points& points);
void write_scores(const OutputFile& output, const Scores& scores);
Scores read_scores(const std::filesystem::path& file);

} // namespace lookback::tools
