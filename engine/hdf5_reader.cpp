#include "engine/error.hpp"
#include "engine/hdf5_handle.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unistd.h>

namespace lookback {
namespace {

bool matches(const Extents& given, const Extents& expected) {
  return std::equal(given.begin(), given.end(), expected.begin(), expected.end(),
                    [](auto have, auto want) { return want < 0 || have == want; });
}

double memory_bytes() {
  return double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGE_SIZE));
}

// A link to another file is never followed: what is read is the file that was named.
herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t,
                            void*) {
  return -1;
}

Handle internal_links_only() {
  Handle access(H5Pcreate(H5P_LINK_ACCESS));
  H5Pset_elink_cb(access, refuse_external_link, nullptr);
  return access;
}

// Fixed- and variable-length strings of a dataset or attribute, through `read(memory type,
// buffer)`.
template <class Read>
std::vector<std::string> strings_through(hid_t type, hid_t space, std::size_t count,
                                         const Read& read) {
  Handle memory(H5Tcopy(H5T_C_S1));
  H5Tset_cset(memory, H5Tget_cset(type)); // the library does not convert character sets
  std::vector<std::string> values(count);
  if (H5Tis_variable_str(type) > 0) {
    H5Tset_size(memory, H5T_VARIABLE);
    std::vector<char*> pointers(count, nullptr);
    const bool good = read(memory, pointers.data());
    for (std::size_t i = 0; good && i < count; ++i)
      if (pointers[i]) values[i] = pointers[i];
    if (good) H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
    return good ? values : std::vector<std::string>{};
  }
  const std::size_t length = H5Tget_size(type) + 1;
  H5Tset_size(memory, length);
  std::vector<char> buffer(count * length);
  if (!read(memory, buffer.data())) return {};
  for (std::size_t i = 0; i < count; ++i)
    values[i].assign(&buffer[i * length], strnlen(&buffer[i * length], length));
  return values;
}

constexpr std::int64_t largest_attribute = 1 << 20; // elements; HDF5's own limit is 64 KiB of data

} // namespace

struct H5Reader::Impl {
  std::filesystem::path path;
  Handle file{-1};
  Handle links = internal_links_only();
  double file_bytes = 0;

  Impl(std::filesystem::path p, hid_t id) : path(std::move(p)), file(id) {}

  template <class... Parts> void check(bool good, const Parts&... parts) const {
    require(good, "'", path.string(), "': ", parts...);
  }

  Handle dataset(const std::string& name) const {
    Handle object(H5Oopen(file, name.c_str(), links));
    check(object.valid(), "there is no dataset '", name, "'");
    check(H5Iget_type(object) == H5I_DATASET, "'", name, "' is not a dataset");
    return object;
  }

  Extents extents(const Handle& dataset, const std::string& name) const {
    Handle space(H5Dget_space(dataset));
    check(space.valid() && H5Sget_simple_extent_type(space) != H5S_NULL, "dataset '", name,
          "' is empty");
    std::vector<hsize_t> dims(std::max(0, H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    return Extents(dims.begin(), dims.end());
  }

  // Number of elements, after checking that the file can honestly hold them. What is stored as it
  // is must lie within the file; deflate, the strongest filter HDF5 ships, packs at most 1032 : 1.
  std::size_t checked_count(const Handle& dataset, const std::string& name,
                            std::size_t element_bytes) const {
    constexpr double strongest_compression = 1032;
    const Extents shape = extents(dataset, name);
    double bytes = double(element_bytes);
    for (const auto extent : shape) {
      check(extent >= 0, "dataset '", name, "' has an impossible shape");
      bytes *= double(extent);
    }
    Handle properties(H5Dget_create_plist(dataset));
    const auto layout = H5Pget_layout(properties);
    check(layout != H5D_VIRTUAL && H5Pget_external_count(properties) <= 0, "dataset '", name,
          "' keeps its data in another file, which is not followed");
    const double stored = std::min(double(H5Dget_storage_size(dataset)), file_bytes);
    const double limit = stored * (layout == H5D_CHUNKED ? strongest_compression : 1);
    check(bytes <= limit, "dataset '", name, "' claims the shape ", shape_text(shape),
          ", more than its ", stored, " stored bytes can hold");
    return std::size_t(bytes / double(element_bytes) + 0.5);
  }

  // The size in bytes of an element of a dataset, which must hold numbers that T can take.
  template <class T>
  std::size_t element_bytes(const Handle& dataset, const std::string& name) const {
    Handle type(H5Dget_type(dataset));
    const auto kind = H5Tget_class(type);
    const bool whole =
        kind == H5T_INTEGER || kind == H5T_ENUM; // h5py writes bool as an enumeration
    check(whole || kind == H5T_FLOAT, "dataset '", name, "' is not numeric");
    check(whole || std::is_floating_point_v<T>, "dataset '", name, "' must hold whole numbers");
    return H5Tget_size(type);
  }

  void check_read(bool good, const std::string& name) const {
    check(good, "dataset '", name,
          "' is damaged, or compressed by a filter that this HDF5 library lacks");
  }

  template <class T>
  void check_finite(const std::vector<T>& values, const std::string& name,
                    std::int64_t first = 0) const {
    if constexpr (std::is_floating_point_v<T>)
      for (std::size_t i = 0; i < values.size(); ++i)
        check(std::isfinite(values[i]), "dataset '", name, "' holds NaN or Inf (first at element ",
              first + std::int64_t(i), ")");
  }

  Handle attribute(const std::string& object, const std::string& name) const {
    Handle handle(H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, links));
    check(handle.valid(), "'", object, "' has no attribute '", name, "'");
    return handle;
  }

  std::size_t attribute_count(const Handle& attribute, const std::string& name) const {
    Handle space(H5Aget_space(attribute));
    const auto count = H5Sget_simple_extent_npoints(space);
    check(double(H5Aget_storage_size(attribute)) <= file_bytes && count >= 0 &&
              count <= largest_attribute,
          "attribute '", name, "' claims ", count, " elements");
    return std::size_t(count);
  }
};

H5Reader::H5Reader(const std::filesystem::path& file) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  std::error_code error;
  require(std::filesystem::exists(file, error), "there is no file '", file.string(), "'");
  require(std::filesystem::is_regular_file(file, error), "'", file.string(), "' is not a file");
  const auto bytes = std::filesystem::file_size(file, error);
  require(::access(file.c_str(), R_OK) == 0, "'", file.string(), "' may not be read");
  require(H5Fis_hdf5(file.c_str()) > 0, "'", file.string(), "' is not an HDF5 file");
  const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  require(id >= 0, "'", file.string(), "' is a truncated or damaged HDF5 file");
  impl_ = std::make_unique<Impl>(file, id);
  impl_->file_bytes = double(bytes);
}

H5Reader::~H5Reader() = default;
H5Reader::H5Reader(H5Reader&&) noexcept = default;

const std::filesystem::path& H5Reader::file() const {
  return impl_->path;
}

bool H5Reader::has(const std::string& object) const {
  return Handle(H5Oopen(impl_->file, object.c_str(), impl_->links)).valid();
}

std::vector<std::string> H5Reader::list(const std::string& group) const {
  Handle handle(H5Oopen(impl_->file, group.c_str(), impl_->links));
  impl_->check(handle.valid() && H5Iget_type(handle) == H5I_GROUP, "there is no group '", group,
               "'");
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->push_back(name);
    return 0;
  };
  impl_->check(H5Literate(handle, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names) >= 0,
               "group '", group, "' is damaged");
  std::sort(names.begin(), names.end());
  return names;
}

Extents H5Reader::extents(const std::string& dataset) const {
  return impl_->extents(impl_->dataset(dataset), dataset);
}

template <class T>
std::vector<T> H5Reader::read_raw(const std::string& name, const Extents& expected) const {
  if constexpr (std::is_same_v<T, std::uint8_t>) { // the library would clip to 0 … 255 silently
    const auto wide = read_raw<std::int64_t>(name, expected);
    const bool fits =
        std::all_of(wide.begin(), wide.end(), [](auto v) { return v >= 0 && v <= 255; });
    impl_->check(fits, "dataset '", name, "' holds numbers outside 0 to 255");
    return std::vector<T>(wide.begin(), wide.end());
  } else {
    const Handle dataset = impl_->dataset(name);
    const Extents shape = impl_->extents(dataset, name);
    impl_->check(expected.empty() || matches(shape, expected), "dataset '", name,
                 "' has the shape ", shape_text(shape), ", expected ", shape_text(expected));
    const std::size_t bytes = impl_->element_bytes<T>(dataset, name);
    const std::size_t count = impl_->checked_count(dataset, name, bytes);
    impl_->check(double(count) * double(bytes) <= memory_bytes(), "dataset '", name, "' of shape ",
                 shape_text(shape), " is larger than this machine's memory");
    std::vector<T> values(count);
    const bool good = values.empty() || H5Dread(dataset, native_type<T>(), H5S_ALL, H5S_ALL,
                                                H5P_DEFAULT, values.data()) >= 0;
    impl_->check_read(good, name);
    return values;
  }
}

template <class T>
std::vector<T> H5Reader::read(const std::string& name, const Extents& expected) const {
  auto values = read_raw<T>(name, expected);
  impl_->check_finite(values, name);
  return values;
}

template <class T>
std::vector<T> H5Reader::read_rows(const std::string& name, std::int64_t first,
                                   std::int64_t count) const {
  const Handle dataset = impl_->dataset(name);
  const Extents shape = impl_->extents(dataset, name);
  const std::size_t elements =
      impl_->checked_count(dataset, name, impl_->element_bytes<T>(dataset, name));
  impl_->check(!shape.empty() && first >= 0 && count >= 0 && first <= shape[0] - count, count,
               " rows from row ", first, " on were asked of dataset '", name, "' of shape ",
               shape_text(shape));
  if (elements == 0 || count == 0) return {};
  const std::int64_t row = std::int64_t(elements) / shape[0];
  std::vector<hsize_t> start(shape.size(), 0), extent(shape.begin(), shape.end());
  start[0] = hsize_t(first);
  extent[0] = hsize_t(count);
  Handle memory(H5Screate_simple(int(extent.size()), extent.data(), nullptr));
  Handle stored(H5Dget_space(dataset));
  std::vector<T> values(std::size_t(row * count));
  const bool good =
      H5Sselect_hyperslab(stored, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) >=
          0 &&
      H5Dread(dataset, native_type<T>(), memory, stored, H5P_DEFAULT, values.data()) >= 0;
  impl_->check_read(good, name);
  impl_->check_finite(values, name, first * row);
  return values;
}

std::vector<std::string> H5Reader::read_strings(const std::string& name) const {
  const Handle dataset = impl_->dataset(name);
  Handle type(H5Dget_type(dataset)), space(H5Dget_space(dataset));
  impl_->check(H5Tget_class(type) == H5T_STRING, "dataset '", name, "' is not text");
  const std::size_t count = impl_->checked_count(dataset, name, H5Tget_size(type));
  auto values = strings_through(type, space, count, [&](hid_t memory, void* buffer) {
    return H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer) >= 0;
  });
  impl_->check(values.size() == count, "dataset '", name, "' is damaged");
  return values;
}

std::vector<std::string> H5Reader::attributes(const std::string& object) const {
  const Handle handle(H5Oopen(impl_->file, object.c_str(), impl_->links));
  impl_->check(handle.valid(), "there is no '", object, "'");
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->push_back(name);
    return 0;
  };
  const auto done = H5Aiterate2(handle, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names);
  impl_->check(done >= 0, "the attributes of '", object, "' are damaged");
  std::sort(names.begin(), names.end());
  return names;
}

bool H5Reader::attribute_is_text(const std::string& object, const std::string& name) const {
  const Handle attribute = impl_->attribute(object, name);
  return H5Tget_class(Handle(H5Aget_type(attribute))) == H5T_STRING;
}

bool H5Reader::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(impl_->file, object.c_str(), name.c_str(), impl_->links) > 0;
}

std::string H5Reader::text(const std::string& object, const std::string& name) const {
  const Handle attribute = impl_->attribute(object, name);
  Handle type(H5Aget_type(attribute)), space(H5Aget_space(attribute));
  const bool one_text =
      H5Tget_class(type) == H5T_STRING && impl_->attribute_count(attribute, name) == 1;
  impl_->check(one_text, "attribute '", name, "' of '", object, "' is not a text");
  const auto values = strings_through(type, space, 1, [&](hid_t memory, void* buffer) {
    return H5Aread(attribute, memory, buffer) >= 0;
  });
  impl_->check(values.size() == 1, "attribute '", name, "' of '", object, "' is damaged");
  return values[0];
}

double H5Reader::number(const std::string& object, const std::string& name) const {
  const auto values = numbers(object, name);
  impl_->check(values.size() == 1, "attribute '", name, "' of '", object, "' is not one number");
  return values[0];
}

std::vector<double> H5Reader::numbers(const std::string& object, const std::string& name) const {
  const Handle attribute = impl_->attribute(object, name);
  Handle type(H5Aget_type(attribute));
  const auto kind = H5Tget_class(type);
  impl_->check(kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM, "attribute '", name,
               "' of '", object, "' is not numeric");
  std::vector<double> values(impl_->attribute_count(attribute, name));
  impl_->check(H5Aread(attribute, H5T_NATIVE_DOUBLE, values.data()) >= 0, "attribute '", name,
               "' of '", object, "' is damaged");
  return values;
}

void H5Reader::require_format(const std::string& format) const {
  impl_->check(has_attribute("/", "format"), "the attribute 'format' is missing, expected '",
               format, "'");
  const std::string given = text("/", "format");
  impl_->check(given == format, "this is a '", given, "' file, expected '", format, "'");
  const double version = number("/", "format_version");
  impl_->check(version == 1, "format_version is ", version, ", this program reads version 1");
}

template std::vector<float> H5Reader::read(const std::string&, const Extents&) const;
template std::vector<double> H5Reader::read(const std::string&, const Extents&) const;
template std::vector<std::int64_t> H5Reader::read(const std::string&, const Extents&) const;
template std::vector<std::uint8_t> H5Reader::read(const std::string&, const Extents&) const;
template std::vector<float> H5Reader::read_raw(const std::string&, const Extents&) const;
template std::vector<double> H5Reader::read_raw(const std::string&, const Extents&) const;
template std::vector<std::int64_t> H5Reader::read_raw(const std::string&, const Extents&) const;
template std::vector<std::uint8_t> H5Reader::read_raw(const std::string&, const Extents&) const;
template std::vector<float> H5Reader::read_rows(const std::string&, std::int64_t,
                                                std::int64_t) const;
template std::vector<double> H5Reader::read_rows(const std::string&, std::int64_t,
                                                 std::int64_t) const;
template std::vector<std::int64_t> H5Reader::read_rows(const std::string&, std::int64_t,
                                                       std::int64_t) const;

} // namespace lookback
