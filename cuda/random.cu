// The CPU's numbers, bit by bit: engine/random.hpp spells out every multiplication and addition.
#include "cuda/cuda_backend.cuh"

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

// x[b, 4 block ... 4 block + 3] from one Philox block of the stream with draw = key.draw + b.
template <class T, class Law>
__global__ void fill_samples_kernel(Index blocks, Index per_sample, Stream key, T* x) {
  const Index blocks_per_sample = (per_sample + 3) / 4;
  for (Index e = first_element(); e < blocks; e += element_stride()) {
    const Index sample = e / blocks_per_sample, block = e % blocks_per_sample;
    Stream stream = key;
    stream.draw += std::uint32_t(sample);
    double value[4];
    Law::four(stream.words(std::uint32_t(block)), value);
    for (Index i = 0; i < 4 && 4 * block + i < per_sample; ++i)
      x[sample * per_sample + 4 * block + i] = T(value[i]);
  }
}

template <class Law> void fill_samples(const Launch& at, const Stream& key, const Tensor& x) {
  if (x.size() == 0) return;
  const Index batch = x.shape()[0], per_sample = x.size() / batch;
  const Index blocks = batch * ((per_sample + 3) / 4);
  visit(x.dtype(), [&]<class T>(T) {
    at.elements(fill_samples_kernel<T, Law>, blocks, blocks, per_sample, key, x.data<T>());
  });
}

} // namespace

void CudaBackend::normal(const Stream& key, const Tensor& x) {
  fill_samples<Normal>(launch("normal", x.shape()), key, x);
}

void CudaBackend::uniform(const Stream& key, const Tensor& x) {
  fill_samples<Uniform>(launch("uniform", x.shape()), key, x);
}

} // namespace lookback::cuda
