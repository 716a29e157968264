#include "tools/files/points.hpp"

#include "engine/error.hpp"

#include <algorithm>

namespace lookback::tools {
namespace {

Extents three_axes(const H5Reader& reader, const std::string& dataset) {
  const Extents shape = reader.extents(dataset);
  require(shape.size() == 3 &&
              std::all_of(shape.begin(), shape.end(), [](auto n) { return n > 0; }),
          "'", reader.file().string(), "': dataset '", dataset,
          "' must have the shape [points, channels, length]");
  return shape;
}

} // namespace

Points read_points(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-points");
  const Extents shape = three_axes(reader, "x");
  Points points{shape[0], shape[1], shape[2], reader.read<float>("x", shape),
                reader.read<float>("t", {shape[0]})};
  const bool times_good =
      std::all_of(points.t.begin(), points.t.end(), [](float t) { return t >= 0 && t <= 1; });
  require(times_good, "'", file.string(), "': dataset 't' must lie between 0 and 1");
  return points;
}

void write_points(const OutputFile& output, const Points& points) {
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-points", output);
  writer.write<float>("x", {points.count, points.channels, points.length}, points.x);
  writer.write<float>("t", {points.count}, points.t);
  writer.commit();
}

void write_scores(const OutputFile& output, const Scores& scores) {
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-scores", output);
  const Extents shape{scores.count, scores.channels, scores.length};
  writer.write<float>("network", shape, scores.network);
  writer.write<float>("score", shape, scores.score);
  writer.commit();
}

Scores read_scores(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-scores");
  const Extents shape = three_axes(reader, "network");
  return {shape[0], shape[1], shape[2], reader.read<float>("network", shape),
          reader.read<float>("score", shape)};
}

} // namespace lookback::tools
