// Every reader of files against hostile ones: whatever the bytes, a reader gives a value or throws
// lookback::Error. The first byte of an input chooses the reader. FITS and text readers get the
// rest as a file; those of HDF5 get a file that the rest spells (hdf5_recipes.hpp). An empty corpus
// folder is filled with a right file for each.
#include "engine/error.hpp"
#include "tests/fuzz/fits_seeds.hpp"
#include "tests/fuzz/hdf5_recipes.hpp"
#include "tools/files/dust_table.hpp"
#include "tools/files/filter_curve.hpp"
#include "tools/files/firefly.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/mass_loss_table.hpp"
#include "tools/files/observation.hpp"
#include "tools/files/particle_file.hpp"
#include "tools/files/photometry_table.hpp"
#include "tools/files/points.hpp"
#include "tools/files/samples.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/ssp.hpp"
#include "tools/prepare/bagpipes_ssp.hpp"
#include "tools/prepare/cumulative.hpp"
#include "tools/prepare/dsps_ssp.hpp"
#include "tools/prepare/emiles_ssp.hpp"
#include "tools/prepare/maraston_ssp.hpp"
#include "tools/prepare/partial_histories.hpp"
#include "tools/prepare/synthesizer_ssp.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

namespace fs = std::filesystem;

struct Target {
  std::string file; // some readers look at the name
  std::string seed; // of a FITS or text file
  std::function<void(const fs::path&)> read;
};

void observe(const fs::path& file) {
  std::vector<std::string> warnings;
  read_observation(file, {}, warnings);
}

void read_stars(const fs::path& file) {
  read_particle_facts(file);
  for_each_block(file, [](const ParticleBlock&) {});
}

const std::vector<Target>& file_targets() {
  static std::vector<std::string> notes;
  static const std::vector<Target> targets{
      {"spec.fits", sdss_seed(), observe},
      {"eso.fits", eso_seed(), observe},
      {"firefly.fits", firefly_seed(), [](const fs::path& f) { read_firefly(f, "8485-1901"); }},
      {"bagpipes.fits", bagpipes_seed(),
       [](const fs::path& f) {
         convert_bagpipes_ssp(f, {0.5, 1}, {});
       }},
      {"Eku1.30Zp0.06T10.0000_iTp0.00_baseFe.fits", emiles_seed(),
       [](const fs::path& f) { import_emiles_ssp({f}, 0, {}, notes); }},
      {"ssp_M11_ELODIE.krz002", "1 0 4000 1e30\n1 0 5000 1e30\n2 0 4000 1e30\n2 0 5000 1e30\n",
       [](const fs::path& f) { import_maraston_ssp({f}, {}, notes); }},
      {"mass.txt", "# [Z/H]\n-1.35 0.1 0.9 .8 .1 0 0 3\n0 1 0.7 .6 .1 0 0 3\n",
       [](const fs::path& f) { read_mass_loss_table(f); }},
      {"spectrum.txt", "5000 1 0.1\n5001 2 0.1\n5002, 3, nan\n", observe},
      {"particles.csv", "galaxy_id,metallicity,birth_time_gyr,initial_mass_msun\n7,0.01,1,4e9\n",
       [](const fs::path& f) { read_stars(f); }},
      {"filter.dat", "# photon\n5000 0\n5100 0.9\n5200 0\n",
       [](const fs::path& f) { read_filter_curve(f); }},
      {"bands.txt", "filter.dat 16.5 0.02 AB\n", [](const fs::path& f) { read_photometry(f); }}};
  return targets;
}

struct Hdf5Target {
  Layout layout;
  std::function<void(const fs::path&)> read;
};

const std::vector<Hdf5Target>& hdf5_targets() {
  static const std::vector<Hdf5Target> targets{
      {{"lookback-ssp",
        {{"wavelength_angstrom", {4}, 4000, 500},
         {"age_gyr", {3}, 0.1, 1},
         {"log_z_zsun", {2}, -1, 1},
         {"flux_lsun_per_angstrom_per_msun", {2, 3, 4}, 1e-4, 0},
         {"surviving_mass_fraction", {2, 3}, 0.7, 0}},
        {{"/@imf", "Kroupa"}, {"/@lsun_erg_s", "?"}, {"/@resolution_fwhm_angstrom", "??"}}},
       [](const fs::path& f) { read_ssp(f); }},
      {{"",
        {{"ssp_lgmet", {2}, -3, 1},
         {"ssp_lg_age_gyr", {3}, -2, 1},
         {"ssp_wave", {4}, 4000, 500},
         {"ssp_flux", {2, 3, 4}, 1e-16, 0}},
        {}},
       [](const fs::path& f) { import_dsps_ssp(f, {}); }},
      {{"",
        {{"axes/ages", {2}, 1e7, 1e9},
         {"axes/metallicities", {2}, 0.01, 0.01},
         {"spectra/wavelength", {3}, 4000, 500},
         {"spectra/incident", {2, 2, 3}, 4e17, 0}},
        {{"axes/ages@Units", "yr"},
         {"spectra/wavelength@Units", "angstrom"},
         {"spectra/incident@Units", "erg/(Hz*s)"}}},
       [](const fs::path& f) { import_synthesizer_ssp(f, "incident", {}); }},
      {{"lookback-histories",
        {{"sfr_msun_per_yr", {2, 3}, 1, 0},
         {"log_z_zsun", {2, 3}, -1, 0.1},
         {"bin_edges_gyr", {4}, 0, 4},
         {"is_test", {2}, 0, 1},
         {"subhalo_id", {2}, 5, 1}},
        {{"/@source", "fuzz"}}},
       [](const fs::path& f) { read_histories(f); }},
      {{"",
        {{"initial_mass_msun", {3}, 1e6, 1e6},
         {"metallicity", {3}, 0.01, 0.01},
         {"birth_scale_factor", {3}, 0.2, 0.3},
         {"galaxy_id", {3}, 1, 1}},
        {}},
       [](const fs::path& f) { read_stars(f); }},
      {{"",
        {{"cosmic_time_gyr", {3}, 1, 4},
         {"mass_formed_msun", {2, 3}, 1e9, 1e9},
         {"metallicity", {2}, 0.01, 0.01},
         {"subhalo_id", {2}, 5, 1}},
        {}},
       [](const fs::path& f) {
         make_cumulative_histories({f, 4, {}});
       }},
      {{"lookback-partial-histories",
        {{"sfr_msun_per_yr", {2, 3}, 1, 0},
         {"log_z_zsun", {2, 3}, -1, 0.1},
         {"subhalo_id", {2}, 5, 1},
         {"mass_formed_msun", {2}, 1e9, 1e9}},
        {{"/@job", "fuzz"}, {"/@subhalos", "????"}, {"/@with_stars", "???"}}},
       [](const fs::path& f) {
         PartialHistories done;
         done.histories.bins = 3;
         read_partial(f, "fuzz", done);
       }},
      {{"lookback-points", {{"x", {2, 2, 3}, 0, 0.1}, {"t", {2}, 0.1, 0.2}}, {}},
       [](const fs::path& f) { read_points(f); }},
      {{"",
        {{"sfr_msun_per_yr", {2, 3}, 1, 0},
         {"log_z_zsun", {2, 3}, -1, 0.1},
         {"bin_edges_gyr", {4}, 0, 4},
         {"redshift", {2}, 0.1, 0.1},
         {"a_v", {2}, 0, 1},
         {"wavelength_angstrom", {5}, 5000, 2}},
        {}},
       [](const fs::path& f) { read_pairs(f); }},
      {{"lookback-spectra",
        {{"wavelength_angstrom", {5}, 5000, 2},
         {"flux_erg_s_cm2_angstrom", {2, 5}, 1e-17, 0},
         {"ivar", {2, 5}, 1e34, 0},
         {"noiseless", {2, 5}, 1e-17, 0},
         {"inside", {2, 5}, 1, 0},
         {"resolution_sigma_km_s", {5}, 70, 0},
         {"sfr_msun_per_yr", {2, 3}, 1, 0},
         {"log_z_zsun", {2, 3}, -1, 0.1},
         {"bin_edges_gyr", {4}, 0, 4},
         {"redshift", {2}, 0.1, 0.1},
         {"a_v", {2}, 0, 1}},
        {{"ivar@unit", "1"}}},
       observe},
      {{"lookback-samples",
        {{"posterior/sfr_msun_per_yr", {1, 2, 3}, 1, 0},
         {"posterior/log_z_zsun", {1, 2, 3}, -1, 0},
         {"posterior/a_v", {1, 2}, 0.1, 0.1},
         {"constant_data/bin_edges_gyr", {4}, 0, 4},
         {"observed_data/wavelength", {4}, 5000, 1},
         {"observed_data/flux", {4}, 1, 0},
         {"observed_data/ivar", {4}, 1, 0},
         {"observed_data/mask", {4}, 0, 1},
         {"posterior_predictive/flux", {1, 2, 4}, 1, 0}},
        {{"observed_data@name", "n"},
         {"observed_data@source", "s"},
         {"/@method", "m"},
         {"observed_data@flux_unit", "?"}}},
       [](const fs::path& f) { read_samples(f); }},
      {{"",
        {{"wavelength_micron", {4}, 1, 10},
         {"qpah_percent", {2}, 1, 1},
         {"umin", {2}, 0.1, 1},
         {"umax", {2}, 1e3, 1e4},
         {"jnu_umin_only", {2, 2, 4}, 1, 0},
         {"jnu_umin_umax", {2, 2, 2, 4}, 1, 0}},
        {{"jnu_umin_only@units", "Jy cm2 sr-1 H-1"}, {"/@citation", "c"}}},
       [](const fs::path& f) { read_dust_table(f); }}};
  return targets;
}

// A folder in memory that lasts as long as the process.
const fs::path& folder() {
  static const struct Folder {
    fs::path path;
    Folder() {
      const fs::path memory = "/dev/shm";
      std::string name =
          ((fs::exists(memory) ? memory : fs::temp_directory_path()) / "lookback_fuzz.XXXXXX")
              .string();
      if (mkdtemp(name.data()) == nullptr) std::abort();
      path = name;
    }
    ~Folder() { fs::remove_all(path); }
  } made;
  return made.path;
}

std::size_t targets() {
  return file_targets().size() + hdf5_targets().size();
}

void read_one(std::size_t which, std::span<const unsigned char> bytes) {
  try {
    if (which < file_targets().size()) {
      const Target& target = file_targets()[which];
      const fs::path file = folder() / target.file;
      std::ofstream(file, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
      target.read(file);
    } else {
      const Hdf5Target& target = hdf5_targets()[which - file_targets().size()];
      const fs::path file = folder() / "file.h5";
      write_recipe(target.layout, ByteReader(bytes), file);
      target.read(file);
    }
  } catch (const Error&) { // the answer to bad input
  }
}

void fill(const fs::path& corpus) {
  for (std::size_t i = 0; i < targets(); ++i) {
    std::string seed(1, char(i));
    if (i < file_targets().size()) seed += file_targets()[i].seed;
    std::ofstream(corpus / ("seed" + std::to_string(i)), std::ios::binary) << seed;
  }
}

} // namespace

// malloc may refuse, as it does outside the sanitizer: CFITSIO asks for what headers claim. A
// refused `new` is still a finding.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  folder();
  const fs::path last = (*arguments)[*count - 1];
  if (fs::is_directory(last) && fs::is_empty(last)) fill(last);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size > 0) read_one(data[0] % targets(), {data + 1, size - 1});
  return 0;
}
