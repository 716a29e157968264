// Networks and tensors from the golden files of score_models, which are [B, C, L].
#pragma once

#include "engine/hdf5.hpp"
#include "nn/prior.hpp"
#include "tests/golden.hpp"

#include <memory>

namespace lookback::test {

// [B, C, L] values as a [B, L, C] tensor, and back.
template <class V>
Tensor from_bcl(const V& values, std::int64_t B, std::int64_t C, std::int64_t L,
                DType type = DType::f32) {
  Tensor x({B, L, C}, type, cpu_backend());
  visit(type, [&]<class T>(T) {
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t c = 0; c < C; ++c)
        for (std::int64_t l = 0; l < L; ++l)
          x.template data<T>()[(b * L + l) * C + c] = T(values[std::size_t((b * C + c) * L + l)]);
  });
  return x;
}

inline Tensor read_bcl(const H5Reader& file, const std::string& name, DType type = DType::f32) {
  const Extents e = file.extents(name);
  return from_bcl(file.read<float>(name), e[0], e[1], e[2], type);
}

inline std::vector<double> to_bcl(const Tensor& x) {
  const std::int64_t B = x.shape()[0], L = x.shape()[1], C = x.shape()[2];
  std::vector<double> values(std::size_t(x.size()));
  visit(x.dtype(), [&]<class T>(T) {
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t l = 0; l < L; ++l)
        for (std::int64_t c = 0; c < C; ++c)
          values[std::size_t((b * C + c) * L + l)] =
              double(x.template data<T>()[(b * L + l) * C + c]);
  });
  return values;
}

inline Tensor read_vector(const H5Reader& file, const std::string& name, DType type = DType::f32) {
  const auto values = file.read<double>(name);
  Tensor x({std::int64_t(values.size())}, type, cpu_backend());
  visit(type, [&]<class T>(T) { std::copy(values.begin(), values.end(), x.template data<T>()); });
  return x;
}

inline std::vector<double> host(const Tensor& x) { return x.numbers(); }

inline nn::NcsnppConfig golden_config(const H5Reader& file) {
  nn::NcsnppConfig c;
  c.channels = int(file.number("/", "hp_channels"));
  c.nf = int(file.number("/", "hp_nf"));
  c.ch_mult.clear();
  for (double m : file.numbers("/", "hp_ch_mult")) c.ch_mult.push_back(int(m));
  c.num_res_blocks = int(file.number("/", "hp_num_res_blocks"));
  return c;
}

inline void load_golden(const H5Reader& file, const std::string& group, nn::Params& params) {
  for (const auto& entry : params.entries())
    params.set_from_outside(entry, file.read<float>(group + "/" + entry.name, entry.extents),
                            params.flat());
}

inline std::unique_ptr<nn::Ncsnpp> golden_network(const H5Reader& file, DType type = DType::f32) {
  auto network = std::make_unique<nn::Ncsnpp>(golden_config(file), cpu_backend(), type);
  load_golden(file, "params", network->params());
  return network;
}

// The bound of the project's definition of done; score_models' own rounding floor is 3e-6.
constexpr double golden_tolerance = 5e-5;

} // namespace lookback::test
