#include "engine/atomic_file.hpp"
#include "engine/error.hpp"
#include "engine/hdf5_handle.hpp"

#include <bit>
#include <cmath>
#include <hdf5_hl.h>

namespace lookback {

namespace {

// The file format of HDF5 1.8: its metadata carry checksums, so a damaged file is told as one.
Handle checksummed() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  return access;
}

} // namespace

struct H5Writer::Impl {
  AtomicFile output; // outlives the file handle: the temporary is closed before it is unlinked
  Handle file;

  Impl(const std::filesystem::path& path, bool overwrite)
      : output(path, overwrite),
        file(H5Fcreate(output.temporary().c_str(), H5F_ACC_EXCL, H5P_DEFAULT, checksummed())) {
    check(file.valid(), "cannot create it");
  }

  void check(bool good, const std::string& what) const {
    require(good, "cannot write '", output.target().string(), "': ", what, " (is the disk full?)");
  }

  Handle create_dataset(const std::string& name, hid_t type, const Extents& extents) {
    const std::vector<hsize_t> dims(extents.begin(), extents.end());
    Handle space(dims.empty() ? H5Screate(H5S_SCALAR)
                              : H5Screate_simple(int(dims.size()), dims.data(), nullptr));
    Handle links(H5Pcreate(H5P_LINK_CREATE)), creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(creation, false); // the same input gives the same bytes
    Handle dataset(H5Dcreate2(file, name.c_str(), type, space, links, creation, H5P_DEFAULT));
    check(dataset.valid(), "dataset '" + name + "' was not created");
    return dataset;
  }

  // The object, made as a group where it does not exist.
  Handle object(const std::string& name) {
    Handle existing(H5Oopen(file, name.c_str(), H5P_DEFAULT));
    if (existing.valid()) return existing;
    Handle links(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(links, 1);
    Handle group(H5Gcreate2(file, name.c_str(), links, H5P_DEFAULT, H5P_DEFAULT));
    check(group.valid(), "group '" + name + "' was not created");
    return group;
  }

  void attribute(const std::string& object_name, const std::string& name, hid_t type, hid_t space,
                 const void* value) {
    const Handle owner = object(object_name);
    if (H5Aexists(owner, name.c_str()) > 0) H5Adelete(owner, name.c_str());
    Handle handle(H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
    check(handle.valid() && H5Awrite(handle, type, value) >= 0,
          "attribute '" + name + "' was not written");
  }

  void write(const std::string& name, const Extents& extents, hid_t stored, hid_t given,
             std::size_t size, const void* values) {
    std::int64_t count = 1;
    for (const auto extent : extents) count *= extent;
    require(count == std::int64_t(size), "dataset '", name, "' of shape ", shape_text(extents),
            " was given ", size, " values");
    const Handle dataset = create_dataset(name, stored, extents);
    check(size == 0 || H5Dwrite(dataset, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
          "dataset '" + name + "' was not written");
  }
};

namespace {

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

// IEEE 754 binary16, which HDF5 1.10 does not name: sign bit 15, 5 bits of exponent from bit 10.
Handle half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE));
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

// The nearest number that binary16 holds. HDF5 1.10 itself halves numbers that round up to a power
// of two, so it is given none that it would have to round.
float rounded_to_half(float value) {
  constexpr float smallest_normal = 0x1p-14f, step = 0x1p-24f;
  if (std::abs(value) < smallest_normal) return step * std::nearbyint(value / step);
  auto bits = std::bit_cast<std::uint32_t>(value);
  bits += 0xFFFu + ((bits >> 13) & 1); // half to even
  return std::bit_cast<float>(bits & ~0x1FFFu);
}

Handle vector_space(std::size_t count) {
  const hsize_t extent = count;
  return Handle(H5Screate_simple(1, &extent, nullptr));
}

} // namespace

H5Writer::H5Writer(const std::filesystem::path& file, bool overwrite) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  impl_ = std::make_unique<Impl>(file, overwrite);
}

H5Writer::~H5Writer() = default;

void H5Writer::format(const std::string& format) {
  attribute("/", "format", format);
  attribute("/", "format_version", std::int64_t{1});
  attribute("/", "created_by", "lookback " LOOKBACK_VERSION);
}

template <class T>
void H5Writer::write(const std::string& name, const Extents& extents, std::span<const T> values,
                     const std::string& unit) {
  impl_->write(name, extents, native_type<T>(), native_type<T>(), values.size(), values.data());
  if (!unit.empty()) attribute(name, "unit", unit);
}

void H5Writer::write_half(const std::string& name, const Extents& extents,
                          std::span<const float> values) {
  constexpr float largest = 65504;
  std::vector<float> rounded(values.begin(), values.end());
  for (float& value : rounded) {
    value = rounded_to_half(value);
    require(std::abs(value) <= largest, "dataset '", name, "' holds ", value,
            ", more than half precision can");
  }
  impl_->write(name, extents, half_type(), H5T_NATIVE_FLOAT, rounded.size(), rounded.data());
}

template void H5Writer::write(const std::string&, const Extents&, std::span<const float>,
                              const std::string&);
template void H5Writer::write(const std::string&, const Extents&, std::span<const double>,
                              const std::string&);
template void H5Writer::write(const std::string&, const Extents&, std::span<const std::int64_t>,
                              const std::string&);
template void H5Writer::write(const std::string&, const Extents&, std::span<const std::int32_t>,
                              const std::string&);
template void H5Writer::write(const std::string&, const Extents&, std::span<const std::uint8_t>,
                              const std::string&);

void H5Writer::write_strings(const std::string& name, const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const auto& value : values) pointers.push_back(value.c_str());
  const Handle type = text_type();
  const Handle dataset = impl_->create_dataset(name, type, {std::int64_t(values.size())});
  const bool good = values.empty() ||
                    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) >= 0;
  impl_->check(good, "dataset '" + name + "' was not written");
}

void H5Writer::attribute(const std::string& object, const std::string& name,
                         const std::string& value) {
  const char* pointer = value.c_str();
  impl_->attribute(object, name, text_type(), Handle(H5Screate(H5S_SCALAR)), &pointer);
}

void H5Writer::attribute(const std::string& object, const std::string& name, const char* value) {
  attribute(object, name, std::string(value));
}

void H5Writer::attribute(const std::string& object, const std::string& name, double value) {
  impl_->attribute(object, name, H5T_NATIVE_DOUBLE, Handle(H5Screate(H5S_SCALAR)), &value);
}

void H5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  impl_->attribute(object, name, H5T_NATIVE_INT64, Handle(H5Screate(H5S_SCALAR)), &value);
}

void H5Writer::attribute(const std::string& object, const std::string& name,
                         std::span<const double> values) {
  impl_->attribute(object, name, H5T_NATIVE_DOUBLE, vector_space(values.size()), values.data());
}

void H5Writer::attribute(const std::string& object, const std::string& name,
                         std::span<const std::int64_t> values) {
  impl_->attribute(object, name, H5T_NATIVE_INT64, vector_space(values.size()), values.data());
}

void H5Writer::make_scale(const std::string& scale, const std::string& name) {
  const Handle dataset(H5Dopen2(impl_->file, scale.c_str(), H5P_DEFAULT));
  impl_->check(dataset.valid() && H5DSset_scale(dataset, name.c_str()) >= 0,
               "'" + scale + "' was not made a dimension scale");
}

void H5Writer::attach_scale(const std::string& dataset, int axis, const std::string& scale) {
  const Handle target(H5Dopen2(impl_->file, dataset.c_str(), H5P_DEFAULT));
  const Handle source(H5Dopen2(impl_->file, scale.c_str(), H5P_DEFAULT));
  const bool good =
      target.valid() && source.valid() && H5DSattach_scale(target, source, unsigned(axis)) >= 0;
  impl_->check(good, "scale '" + scale + "' was not attached to '" + dataset + "'");
}

void H5Writer::commit() {
  const bool flushed = H5Fflush(impl_->file, H5F_SCOPE_GLOBAL) >= 0;
  impl_->check(impl_->file.close() && flushed, "it could not be flushed");
  impl_->output.commit();
}

} // namespace lookback
