// The CPU's numbers, bit by bit: engine/random.hpp spells out every multiplication and addition.
#include "cuda/cuda_backend.cuh"
#include "cuda/map.cuh"

namespace lookback::cuda {
namespace {

struct Normal {
  __device__ static void four(PhiloxBlock w, double z[4]) { normals(w, z); }
};
struct Uniform {
  __device__ static void four(PhiloxBlock w, double u[4]) {
    for (int i = 0; i < 4; ++i) u[i] = to_unit(w.word[i]);
  }
};

// x[b, 4 block ... 4 block + 3] from one Philox block of the stream with draw = key.draw + b and,
// where `step` is given, step = key.step + *step. Written as one where samples are `whole` groups
// of four.
template <class T, class Law, bool whole>
__global__ void fill_samples_kernel(Index blocks, Index per_sample, Stream key, const double* step,
                                    T* x) {
  const Index blocks_per_sample = (per_sample + 3) / 4;
  if (step) key.step += std::uint32_t(*step);
  for (Index e = first_element(); e < blocks; e += element_stride()) {
    const Index sample = e / blocks_per_sample, block = e - sample * blocks_per_sample;
    Stream stream = key;
    stream.draw += std::uint32_t(sample);
    double value[4];
    Law::four(stream.words(std::uint32_t(block)), value);
    T* to = x + sample * per_sample + 4 * block;
    if constexpr (whole) {
      *reinterpret_cast<Pack<T, 4>*>(to) = {T(value[0]), T(value[1]), T(value[2]), T(value[3])};
    } else {
      for (int i = 0; i < 4 && 4 * block + i < per_sample; ++i) to[i] = T(value[i]);
    }
  }
}

template <class Law>
void fill_samples(const Launch& at, const Stream& key, const Tensor& x, const Tensor& step) {
  if (x.size() == 0) return;
  const Index batch = x.shape()[0], per_sample = x.size() / batch;
  const Index blocks = batch * ((per_sample + 3) / 4);
  visit(x.dtype(), [&]<class T>(T) {
    const auto kernel = per_sample % 4 == 0 && aligned({x.data<T>()})
                            ? fill_samples_kernel<T, Law, true>
                            : fill_samples_kernel<T, Law, false>;
    at.elements(kernel, blocks, blocks, per_sample, key, step.data<double>(), x.data<T>());
  });
}

} // namespace

void CudaBackend::normal(const Stream& key, const Tensor& x, const Tensor& step) {
  fill_samples<Normal>(launch("normal", x.shape()), key, x, step);
}

void CudaBackend::uniform(const Stream& key, const Tensor& x) {
  fill_samples<Uniform>(launch("uniform", x.shape()), key, x, {});
}

} // namespace lookback::cuda
