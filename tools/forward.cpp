// Computes the spectra of star-formation histories, their Jacobians, and mock observations.
#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/observation.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/ssp.hpp"
#include "tools/galaxy/mock_galaxy.hpp"
#include "tools/galaxy/model_options.hpp"
#include "tools/galaxy/wavelength_grids.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <span>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path ssp, input, output;
  bool jacobian = false;
  std::optional<double> redshift, a_v, snr;
  std::string wavelength;
  std::int64_t index = 0, count = 0;
  ModelOptions model;
};

Pairs pairs_of_histories(const Options& o) {
  const Histories h = read_histories(o.input);
  require(o.redshift.has_value(), "histories have no redshift of their own: give --redshift");
  Pairs pairs;
  pairs.count = h.count;
  pairs.bins = h.bins;
  pairs.sfr_msun_per_yr.assign(h.sfr_msun_per_yr.begin(), h.sfr_msun_per_yr.end());
  pairs.log_z_zsun.assign(h.log_z_zsun.begin(), h.log_z_zsun.end());
  pairs.bin_edges_gyr = h.bin_edges_gyr;
  pairs.redshift.assign(std::size_t(h.count), *o.redshift);
  pairs.a_v.assign(std::size_t(h.count), o.a_v.value_or(0));
  pairs.sigma_v_km_per_s.assign(std::size_t(h.count), o.model.sigma_v_km_per_s.value_or(0));
  return pairs;
}

template <class T>
void keep_rows(std::vector<T>& table, std::int64_t first, std::int64_t count, std::int64_t width) {
  table.erase(table.begin() + (first + count) * width, table.end());
  table.erase(table.begin(), table.begin() + first * width);
}

Pairs read_input(const Options& o) {
  const bool paired = is_pairs_file(o.input);
  require(
      !paired || (!o.redshift && !o.a_v && !o.model.sigma_v_km_per_s), "'", o.input.string(),
      "' has a redshift, a_v and sigma_v for each history; --redshift, --a-v and --sigma-v are for "
      "histories without");
  Pairs pairs = paired ? read_pairs(o.input) : pairs_of_histories(o);
  if (pairs.sigma_v_km_per_s.empty()) pairs.sigma_v_km_per_s.assign(pairs.redshift.size(), 0);
  if (!o.wavelength.empty()) pairs.wavelength_angstrom = log_wavelengths(o.wavelength);
  if (pairs.wavelength_angstrom.empty()) pairs.wavelength_angstrom = sdss_wavelengths();
  require(o.index >= 0 && o.count >= 0 && o.index < pairs.count && o.count <= pairs.count - o.index,
          "'", o.input.string(), "' has ", pairs.count, " histories: --index ", o.index,
          " --count ", o.count, " asks for others");
  const std::int64_t count = o.count > 0 ? o.count : pairs.count - o.index;
  keep_rows(pairs.sfr_msun_per_yr, o.index, count, pairs.bins);
  keep_rows(pairs.log_z_zsun, o.index, count, pairs.bins);
  keep_rows(pairs.redshift, o.index, count, 1);
  keep_rows(pairs.a_v, o.index, count, 1);
  keep_rows(pairs.sigma_v_km_per_s, o.index, count, 1);
  pairs.count = count;
  check(pairs);
  return pairs;
}

// Columns of histories as GalaxyModel takes them.
Eigen::MatrixXd history_columns(const Pairs& pairs, std::span<const std::int64_t> rows) {
  Eigen::MatrixXd columns(2 * pairs.bins, Eigen::Index(rows.size()));
  for (std::size_t c = 0; c < rows.size(); ++c)
    for (int bin = 0; bin < pairs.bins; ++bin) {
      const auto cell = std::size_t(rows[c] * pairs.bins + bin);
      columns(bin, Eigen::Index(c)) = pairs.sfr_msun_per_yr[cell];
      columns(pairs.bins + bin, Eigen::Index(c)) = pairs.log_z_zsun[cell];
    }
  return columns;
}

void compute_rows(const physics::GalaxyModel& model, std::span<const std::int64_t> rows,
                  bool jacobian, Spectra& out) {
  const auto pixels = std::int64_t(out.wavelength_angstrom.size()),
             parameters = std::int64_t(2) * out.truth.bins;
  const Eigen::MatrixXd histories = history_columns(out.truth, rows), flux = model.value(histories);
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const auto column = Eigen::Index(c);
    Eigen::VectorXd::Map(&out.flux_erg_s_cm2_angstrom[std::size_t(rows[c] * pixels)], pixels) =
        flux.col(column);
    std::copy(model.inside().begin(), model.inside().end(), out.inside.begin() + rows[c] * pixels);
    if (!jacobian) continue;
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    RowMajor::Map(&out.jacobian[std::size_t(rows[c] * pixels * parameters)], pixels, parameters) =
        model.jacobian(histories.col(column));
  }
}

// Rows that share redshift, dust and dispersion share a model.
using Geometry = std::array<double, 3>;
std::vector<std::pair<Geometry, std::vector<std::int64_t>>> by_geometry(const Pairs& pairs) {
  std::map<Geometry, std::vector<std::int64_t>> groups;
  for (std::int64_t i = 0; i < pairs.count; ++i) {
    const auto row = std::size_t(i);
    groups[{pairs.redshift[row], pairs.a_v[row], pairs.sigma_v_km_per_s[row]}].push_back(i);
  }
  return {groups.begin(), groups.end()};
}

physics::Instrument instrument(const Options& o, const physics::SspGrid& grid, Spectra& out,
                               Log& log) {
  physics::Instrument made = physics::spectrograph(out.wavelength_angstrom);
  made.resampling = resampling_rule(o.model);
  require(o.model.lsf != "file", "--lsf file is for observed spectra; give none or a number");
  std::vector<std::string> notes;
  if (const auto lsf = lsf_number(o.model)) {
    out.resolution_sigma_km_s.assign(out.wavelength_angstrom.size(), *lsf);
    made.lsf_km_per_s =
        Eigen::VectorXd::Constant(Eigen::Index(out.wavelength_angstrom.size()), *lsf);
    made.library_km_per_s = library_dispersion(grid);
    if (made.library_km_per_s.size() == 0) notes.push_back(unknown_library_note);
  }
  const auto& truth = out.truth;
  const double reddest = out.wavelength_angstrom.back() /
                         (1 + *std::min_element(truth.redshift.begin(), truth.redshift.end()));
  const double dustiest = *std::max_element(truth.a_v.begin(), truth.a_v.end());
  made.dust_emission = dust_emission(o.model, grid, reddest, dustiest, notes);
  for (const std::string& note : notes) log.say("forward: ", note);
  return made;
}

void require_covered(const physics::SspGrid& grid, const Pairs& pairs) {
  const double first = grid.wavelength_angstrom[0],
               last = grid.wavelength_angstrom[grid.wavelengths() - 1];
  for (const double redshift : pairs.redshift) {
    const auto covered = [&](double w) {
      return w >= first * (1 + redshift) && w <= last * (1 + redshift);
    };
    const auto& w = pairs.wavelength_angstrom;
    require(std::any_of(w.begin(), w.end(), covered), "at redshift ", redshift,
            " none of the wavelengths lies within the SSP grid's ", first, " to ", last,
            " Angstrom (rest frame)");
  }
}

void compute_flux(const Options& o, const physics::SspGrid& grid,
                  const physics::Instrument& instrument, Spectra& out, Progress& progress) {
  constexpr std::int64_t rows_at_once = 64;
  const auto groups = by_geometry(out.truth);
  const physics::TimeBins bins{out.truth.bin_edges_gyr};
  std::mutex progress_lock;
  parallel_for(std::int64_t(groups.size()), [&](std::int64_t g) {
    const auto& [geometry, rows] = groups[std::size_t(g)];
    const auto& [redshift, a_v, sigma_v] = geometry;
    const physics::GalaxyModel model(grid, bins, {a_v, redshift, sigma_v}, instrument,
                                     age_rule(o.model));
    const auto count = std::int64_t(rows.size());
    parallel_for((count + rows_at_once - 1) / rows_at_once, [&](std::int64_t part) {
      const auto first = part * rows_at_once, length = std::min(rows_at_once, count - first);
      compute_rows(model, std::span(rows).subspan(std::size_t(first), std::size_t(length)),
                   o.jacobian, out);
      const std::lock_guard guard(progress_lock);
      progress.advance(length);
    });
  });
}

void make_mocks(double snr, std::uint64_t seed, std::int64_t first_row, Spectra& out) {
  const std::size_t pixels = out.wavelength_angstrom.size();
  out.noiseless = out.flux_erg_s_cm2_angstrom;
  out.ivar.assign(out.noiseless.size(), 0);
  parallel_for(out.count, [&](std::int64_t row) {
    const auto of_row = [&](auto& values) {
      return std::span(values).subspan(std::size_t(row) * pixels, pixels);
    };
    const Stream stream{.seed = seed,
                        .purpose = Purpose::observation_noise,
                        .object = std::uint32_t(first_row + row)};
    add_noise(snr, stream, of_row(out.inside), of_row(out.flux_erg_s_cm2_angstrom),
              of_row(out.ivar));
  });
}

void forward(const Options& o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  require(!o.snr || *o.snr > 0, "--snr is ", o.snr.value_or(0), ", expected more than 0");
  const physics::SspGrid grid = read_ssp(o.ssp);
  Spectra out;
  out.truth = read_input(o);
  require_covered(grid, out.truth);
  out.count = out.truth.count;
  out.wavelength_angstrom = out.truth.wavelength_angstrom;
  const physics::Instrument observed_with = instrument(o, grid, out, line.log());
  const double cells = double(out.count) * double(out.wavelength_angstrom.size());
  const double bytes = cells * (9 + (o.snr ? 16 : 0) + (o.jacobian ? 16.0 * out.truth.bins : 0));
  line.log().say("forward: ", out.count, " spectra of ", out.wavelength_angstrom.size(),
                 " pixels, ", by_geometry(out.truth).size(), " geometries, ",
                 std::ceil(bytes / 1e6), " MB");
  if (line.common().dry_run) return;
  out.flux_erg_s_cm2_angstrom.resize(static_cast<std::size_t>(cells));
  out.inside.resize(static_cast<std::size_t>(cells));
  if (o.jacobian)
    out.jacobian.resize(static_cast<std::size_t>(cells) * 2 * std::size_t(out.truth.bins));
  Progress progress(line.log(), out.count, "spectra");
  compute_flux(o, grid, observed_with, out, progress);
  if (o.snr) make_mocks(*o.snr, line.common().seed, o.index, out);
  write_spectra(output, out);
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("forward", "Computes the spectra of star-formation and metallicity histories.");
  line.input("--ssp", o.ssp, "stellar-population grid (lookback-ssp)");
  line.input("--input", o.input,
             "histories (lookback-histories), or pairs: histories each with redshift and a_v");
  line.output(o.output, "spectra (lookback-spectra)");
  line.flag("--jacobian", o.jacobian, "store d flux / d history as well");
  line.option("--redshift", o.redshift, "Z", "redshift of all histories (not for pairs)");
  line.option("--a-v", o.a_v, "mag",
              "Calzetti dust of all histories (not for pairs), 0 where not given");
  line.option("--wavelength", o.wavelength, "LO:HI:STEP",
              "observed vacuum wavelengths in Angstrom, STEP in log10; else the input's, else the "
              "SDSS grid");
  line.option("--index", o.index, "N", "first history");
  line.option("--count", o.count, "N", "number of histories, 0: all");
  line.option("--snr", o.snr, "RATIO", "make mock observations with this mean flux over noise");
  add_model_options(line, o.model);
  line.add_seed();
  line.add_dry_run();
  return line.run(argc, argv, [&] { forward(o, line); });
}
