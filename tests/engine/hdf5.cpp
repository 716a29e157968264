// Independent truths: what was written, the rules of contracts.md, and files damaged on purpose.
#include "engine/hdf5.hpp"

#include "engine/atomic_file.hpp"
#include "engine/error.hpp"

#include <cmath>
#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <hdf5.h>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

using namespace lookback;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("lookback_hdf5_" + std::to_string(::getpid()));
  Folder() { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path operator/(const std::string& name) const { return path / name; }
  std::size_t entries() const {
    return std::size_t(std::distance(fs::directory_iterator(path), {}));
  }
};

template <class T> std::span<const T> view(const std::vector<T>& values) {
  return values;
}

template <class Action> std::string message(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write_floats(const fs::path& file, const std::vector<float>& values) {
  H5Writer writer(file, true);
  writer.write("x", {std::int64_t(values.size())}, view(values));
  writer.commit();
}

// A file made with the C library itself, for forms that H5Writer never writes.
struct RawFile {
  hid_t id;
  explicit RawFile(const fs::path& path)
      : id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~RawFile() { H5Fclose(id); }
};

} // namespace

TEST_CASE("every element type comes back as it was written") {
  const Folder folder;
  const std::vector<float> f{1.5f, -2.25f, 3e-38f, 0, 7, 8};
  const std::vector<double> d{1.0 / 3, -1e300, 5e-324};
  const std::vector<std::int64_t> i{std::numeric_limits<std::int64_t>::min(), 0, 1LL << 62};
  const std::vector<std::int32_t> i32{-7, 1 << 30};
  const std::vector<std::uint8_t> u{0, 255};
  H5Writer writer(folder / "a.h5", false);
  writer.format("lookback-test");
  writer.write("group/deep/f", {2, 3}, view(f), "Msun / yr");
  writer.write("d", {3}, view(d));
  writer.write("i", {3}, view(i));
  writer.write("i32", {2}, view(i32));
  writer.write("u", {2}, view(u));
  writer.write("scalar", {}, std::span<const double>(d).first(1));
  writer.write("none", {0, 4}, std::span<const double>());
  writer.write_strings("names", {"Å", "", "long enough a text"});
  writer.commit();

  const H5Reader reader(folder / "a.h5");
  reader.require_format("lookback-test");
  CHECK(reader.read<float>("group/deep/f", {2, 3}) == f);
  CHECK(reader.read<float>("group/deep/f", {-1, 3}) == f);
  CHECK(reader.read<double>("d") == d);
  CHECK(reader.read<std::int64_t>("i") == i);
  CHECK(reader.read<std::int64_t>("i32") == std::vector<std::int64_t>{-7, 1 << 30});
  CHECK(reader.read<std::uint8_t>("u") == u);
  CHECK(reader.read<double>("scalar") == std::vector<double>{1.0 / 3});
  CHECK(reader.extents("scalar").empty());
  CHECK(reader.read<double>("none", {-1, 4}).empty());
  CHECK(reader.read_strings("names") == std::vector<std::string>{"Å", "", "long enough a text"});
  CHECK(reader.text("group/deep/f", "unit") == "Msun / yr");
  CHECK(reader.list("/") ==
        std::vector<std::string>{"d", "group", "i", "i32", "names", "none", "scalar", "u"});
  CHECK(reader.has("group/deep"));
  CHECK_FALSE(reader.has("group/missing/f"));
}

TEST_CASE("attributes come back as written, scalar or one element, fixed or variable length") {
  const Folder folder;
  const std::vector<double> range{0.5, 2};
  const std::vector<std::int64_t> multipliers{1, 2, 2};
  {
    H5Writer writer(folder / "a.h5", false);
    writer.attribute("hyperparameters", "sigma_min", 0.01);
    writer.attribute("hyperparameters", "nf", std::int64_t{128});
    writer.attribute("hyperparameters", "ch_mult", std::span<const std::int64_t>(multipliers));
    writer.attribute("hyperparameters", "range", std::span<const double>(range));
    writer.attribute("/", "text", std::string(100000, 'x'));
    writer.attribute("/", "text", "again");
    writer.commit();
  }
  const H5Reader reader(folder / "a.h5");
  CHECK(reader.number("hyperparameters", "sigma_min") == 0.01);
  CHECK(reader.number("hyperparameters", "nf") == 128);
  CHECK(reader.numbers("hyperparameters", "ch_mult") == std::vector<double>{1, 2, 2});
  CHECK(reader.numbers("hyperparameters", "range") == range);
  CHECK(reader.text("/", "text") == "again");
  CHECK(reader.attributes("hyperparameters") ==
        std::vector<std::string>{"ch_mult", "nf", "range", "sigma_min"});
  CHECK(reader.attribute_is_text("/", "text"));
  CHECK_FALSE(reader.attribute_is_text("hyperparameters", "nf"));
  CHECK_FALSE(reader.has_attribute("/", "missing"));
  CHECK(contains(message([&] { reader.text("/", "missing"); }), "no attribute 'missing'"));
  CHECK(contains(message([&] { reader.number("hyperparameters", "ch_mult"); }), "not one number"));
  CHECK(contains(message([&] { reader.number("/", "text"); }), "not numeric"));

  {
    const RawFile file(folder / "fixed.h5");
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 6);
    H5Tset_strpad(type, H5T_STR_SPACEPAD);
    const hsize_t one = 1;
    const hid_t space = H5Screate_simple(1, &one, nullptr);
    const hid_t attribute = H5Acreate2(file.id, "imf", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "Kroupa");
    H5Aclose(attribute), H5Sclose(space), H5Tclose(type);
  }
  CHECK(H5Reader(folder / "fixed.h5").text("/", "imf") == "Kroupa");
}

TEST_CASE(
    "half precision keeps 11 significant bits, of numbers just below a power of two as well") {
  const Folder folder;
  std::vector<float> values = {0, 1, -2, 65504, 0x1p-24f, 0x1.8p-15f};
  for (int exponent = -20; exponent < 15; ++exponent) // rounds up to 2^exponent
    values.push_back(std::nextafter(std::ldexp(1.0f, exponent), 0.0f));
  for (int i = 0; i < 1000; ++i) values.push_back(std::ldexp(std::sin(float(i)), i % 24 - 12));
  const auto count = std::int64_t(values.size());
  H5Writer writer(folder / "half.h5", false);
  writer.write_half("values", {count}, values);
  CHECK(message([&] { writer.write_half("huge", {1}, std::vector<float>{7e4f}); }) != "no error");
  writer.commit();
  const auto back = H5Reader(folder / "half.h5").read<float>("values");
  for (std::size_t i = 0; i < values.size(); ++i) // half of the last bit, or of 2^-24
    CHECK(std::abs(back[i] - values[i]) <= std::max(std::abs(values[i]) / 2048, 0x1p-25f));
}

TEST_CASE("a wrong file, shape, type or value is named in one sentence") {
  const Folder folder;
  const fs::path path = folder / "a.h5";
  CHECK(contains(message([&] { H5Reader reader(path); }), "there is no file"));
  CHECK(contains(message([&] { H5Reader reader(folder.path); }), "is not a file"));
  std::ofstream(path) << "plain text";
  CHECK(contains(message([&] { H5Reader reader(path); }), "is not an HDF5 file"));

  write_floats(path, {1, NAN, 3, INFINITY});
  const H5Reader reader(path);
  CHECK(contains(message([&] { reader.read<float>("x"); }),
                 "dataset 'x' holds NaN or Inf (first at element 1)"));
  CHECK(reader.read_raw<double>("x").size() == 4);
  CHECK(contains(message([&] { reader.read<float>("y"); }), "there is no dataset 'y'"));
  CHECK(contains(message([&] {
                   reader.read_raw<float>("x", {2, 2});
                 }),
                 "has the shape [4], expected [2, 2]"));
  CHECK(contains(message([&] { reader.read_raw<float>("x", {5}); }), "expected [5]"));
  CHECK(contains(message([&] { reader.read_raw<std::int64_t>("x"); }), "whole numbers"));
  CHECK(contains(message([&] { reader.read_strings("x"); }), "is not text"));
  CHECK(contains(message([&] { reader.require_format("lookback-ssp"); }), "'format' is missing"));
}

TEST_CASE("numbers too large for the type asked for are refused, not clipped") {
  const Folder folder;
  const std::vector<double> large{1e300};
  const std::vector<std::int64_t> whole{256};
  H5Writer writer(folder / "a.h5", false);
  writer.write("d", {1}, view(large));
  writer.write("i", {1}, view(whole));
  writer.commit();
  const H5Reader reader(folder / "a.h5");
  CHECK(contains(message([&] { reader.read<float>("d"); }), "NaN or Inf"));
  CHECK(contains(message([&] { reader.read<std::uint8_t>("i"); }), "outside 0 to 255"));
}

TEST_CASE("a file cut anywhere gives an error or the whole data, never a part") {
  const Folder folder;
  const std::vector<float> values(5000, 1.25f);
  write_floats(folder / "whole.h5", values);
  const auto size = fs::file_size(folder / "whole.h5");
  for (std::uintmax_t cut = 0; cut < size; cut += size / 37) {
    fs::copy_file(folder / "whole.h5", folder / "cut.h5", fs::copy_options::overwrite_existing);
    fs::resize_file(folder / "cut.h5", cut);
    CHECK(message([&] { H5Reader(folder / "cut.h5").read<float>("x"); }) != "no error");
  }
}

TEST_CASE("a claim of more data than the file holds is refused before memory is taken") {
  const Folder folder;
  const hsize_t huge[] = {1ull << 30, 1ull << 30}, chunk[] = {64, 64};
  {
    const RawFile file(folder / "huge.h5");
    const hid_t space = H5Screate_simple(2, huge, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, chunk);
    H5Pset_deflate(list, 9);
    H5Dclose(
        H5Dcreate2(file.id, "chunked", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file.id, "plain", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Pclose(list), H5Sclose(space);
  }
  const H5Reader reader(folder / "huge.h5");
  for (const char* name : {"chunked", "plain"})
    CHECK(contains(message([&] { reader.read<float>(name); }),
                   "claims the shape [1073741824, 1073741824]"));
}

TEST_CASE("compressed and chunked data are read, however well they pack") {
  const Folder folder;
  const hsize_t extent = 1 << 20, chunk = 1 << 18;
  const std::vector<double> zeros(extent, 0.0);
  {
    const RawFile file(folder / "packed.h5");
    const hid_t space = H5Screate_simple(1, &extent, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, &chunk);
    H5Pset_shuffle(list);
    H5Pset_deflate(list, 9);
    const hid_t data =
        H5Dcreate2(file.id, "x", H5T_IEEE_F64BE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
    H5Dclose(data), H5Pclose(list), H5Sclose(space);
  }
  CHECK(H5Reader(folder / "packed.h5").read<float>("x") == std::vector<float>(extent, 0.0f));
}

TEST_CASE("links and data that point into another file are not followed") {
  const Folder folder;
  write_floats(folder / "secret.h5", {1, 2});
  {
    const RawFile file(folder / "link.h5");
    H5Lcreate_external((folder / "secret.h5").c_str(), "/x", file.id, "x", H5P_DEFAULT,
                       H5P_DEFAULT);
    const hsize_t extent = 2;
    const hid_t space = H5Screate_simple(1, &extent, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(list, (folder / "secret.h5").c_str(), 0, 8);
    H5Dclose(H5Dcreate2(file.id, "raw", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list), H5Sclose(space);
  }
  const H5Reader reader(folder / "link.h5");
  CHECK_FALSE(reader.has("x"));
  CHECK(contains(message([&] { reader.read<float>("x"); }), "there is no dataset 'x'"));
  CHECK(contains(message([&] { reader.read<float>("raw"); }), "in another file"));
}

TEST_CASE("an output appears whole on commit and leaves nothing otherwise") {
  const Folder folder;
  const fs::path path = folder / "a.h5";
  {
    H5Writer writer(path, false);
    CHECK(folder.entries() == 1);
    CHECK_FALSE(fs::exists(path));
  }
  CHECK(folder.entries() == 0);
  write_floats(path, {1});
  CHECK(folder.entries() == 1);

  CHECK(contains(message([&] { H5Writer writer(path, false); }), "exists; give --overwrite"));
  CHECK(
      contains(message([&] { H5Writer writer(folder / "no/a.h5", false); }), "there is no folder"));
  CHECK(contains(message([&] { H5Writer writer(folder.path, true); }), "not a regular file"));
  {
    H5Writer writer(path, true);
    const std::vector<float> other{2};
    writer.write("x", {1}, view(other));
  }
  CHECK(H5Reader(path).read<float>("x") == std::vector<float>{1}); // not committed: as it was
  write_floats(path, {3});
  CHECK(H5Reader(path).read<float>("x") == std::vector<float>{3});
  CHECK(folder.entries() == 1);
}

TEST_CASE("a signal handler can remove the pending temporaries") {
  const Folder folder;
  AtomicFile first(folder / "a.txt", false), second(folder / "b.txt", false);
  std::ofstream(first.temporary()) << "half";
  std::ofstream(second.temporary()) << "done";
  second.commit();
  CHECK(folder.entries() == 2);
  remove_pending_outputs();
  CHECK(folder.entries() == 1);
  CHECK(fs::exists(folder / "b.txt"));
}

TEST_CASE("what a killed process left is removed by the next one that writes the same target") {
  const Folder folder;
  const auto leave_temporary = [&](bool wait) {
    const pid_t child = ::fork();
    if (child == 0) {
      const AtomicFile output(folder / "a.txt", false);
      std::ofstream(output.temporary()) << "half";
      if (wait) ::pause();
      ::_exit(0); // runs no destructor
    }
    if (!wait) ::waitpid(child, nullptr, 0);
    return child;
  };
  leave_temporary(false);
  CHECK(folder.entries() == 1);
  const pid_t alive = leave_temporary(true); // removes the first, and writes its own
  const fs::path theirs = [&] {
    for (;;)
      for (const auto& entry : fs::directory_iterator(folder / ""))
        if (entry.path().string().ends_with("." + std::to_string(alive) + ".tmp"))
          return entry.path();
  }();
  CHECK(folder.entries() == 1);
  { const AtomicFile again(folder / "a.txt", false); }
  CHECK(fs::exists(theirs)); // another process is writing it
  ::kill(alive, SIGKILL);
  ::waitpid(alive, nullptr, 0);
  { const AtomicFile other(folder / "b.txt", false); }
  CHECK(fs::exists(theirs)); // another target
  { const AtomicFile again(folder / "a.txt", false); }
  CHECK(folder.entries() == 0);
}

TEST_CASE("dimension scales are attached to the axes they name") {
  const Folder folder;
  const std::vector<double> axis{1, 2, 3}, data(6, 0.5);
  H5Writer writer(folder / "a.h5", false);
  writer.write("posterior/bin", {3}, view(axis));
  writer.write("posterior/sfr", {2, 3}, view(data));
  writer.make_scale("posterior/bin", "bin");
  writer.attach_scale("posterior/sfr", 1, "posterior/bin");
  writer.commit();
  const H5Reader reader(folder / "a.h5");
  CHECK(reader.text("posterior/bin", "CLASS") == "DIMENSION_SCALE");
  CHECK(reader.has_attribute("posterior/sfr", "DIMENSION_LIST"));
}
