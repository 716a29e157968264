#include "tools/prepare/partial_histories.hpp"

#include "engine/error.hpp"
#include "tools/files/attributes.hpp"

namespace lookback::tools {
namespace {

const std::string format = "lookback-partial-histories";

} // namespace

void write_partial(const std::filesystem::path& file, const std::string& job,
                   const PartialHistories& done) {
  const Histories& h = done.histories;
  const auto count = std::int64_t(h.subhalo_id.size());
  H5Writer writer(file, true);
  writer.format(format);
  writer.attribute("/", "job", job);
  writer.attribute("/", "subhalos", done.subhalos);
  writer.attribute("/", "with_stars", done.with_stars);
  if (count > 0) {
    writer.write<float>("sfr_msun_per_yr", {count, h.bins}, h.sfr_msun_per_yr);
    writer.write<float>("log_z_zsun", {count, h.bins}, h.log_z_zsun);
    writer.write<std::int64_t>("subhalo_id", {count}, h.subhalo_id);
    writer.write<float>("mass_formed_msun", {count}, h.mass_formed_msun);
  }
  writer.commit();
}

bool read_partial(const std::filesystem::path& file, const std::string& job,
                  PartialHistories& done) {
  if (!std::filesystem::exists(file)) return false;
  const H5Reader reader(file);
  reader.require_format(format);
  require(reader.text("/", "job") == job, "'", file.string(),
          "' is what an interrupted run with other options or other inputs has done; go on with "
          "those, or delete it");
  done.subhalos = whole_number(reader, "/", "subhalos");
  done.with_stars = whole_number(reader, "/", "with_stars");
  Histories& h = done.histories;
  if (reader.has("subhalo_id")) {
    h.subhalo_id = reader.read<std::int64_t>("subhalo_id", {-1});
    const auto count = std::int64_t(h.subhalo_id.size());
    h.sfr_msun_per_yr = reader.read<float>("sfr_msun_per_yr", {count, h.bins});
    h.log_z_zsun = reader.read<float>("log_z_zsun", {count, h.bins});
    h.mass_formed_msun = reader.read<float>("mass_formed_msun", {count});
  }
  require(std::int64_t(h.subhalo_id.size()) <= done.with_stars && done.with_stars <= done.subhalos,
          "'", file.string(), "' contradicts itself: ", h.subhalo_id.size(), " histories of ",
          done.with_stars, " subhalos with stars of ", done.subhalos, "; delete it");
  return true;
}

} // namespace lookback::tools
