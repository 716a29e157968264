#include "cuda/cuda_backend.cuh"

namespace lookback::cuda {
namespace {

constexpr int most_taps = 32; // the filter travels as a parameter of the kernel

template <class T> struct Filter {
  T taps[most_taps];
  int count, up, down, offset;
};

// y[b, m, c] (+)= sum over taps j of taps[j] x[b, n, c], where up n = down m - offset + j.
template <class T>
__global__ void resample_kernel(Index elements, Filter<T> f, Index from_length, Index to_length,
                                Index channels, const T* x, T* y, bool add) {
  for (Index e = first_element(); e < elements; e += element_stride()) {
    const Index c = e % channels, m = e / channels % to_length, sample = e / (channels * to_length);
    T sum = 0;
    for (int j = 0; j < f.count; ++j) {
      const Index position = f.down * m - f.offset + j, n = position / f.up;
      if (position < 0 || position % f.up != 0 || n >= from_length) continue;
      sum += f.taps[j] * x[(sample * from_length + n) * channels + c];
    }
    store(y + e, add, sum);
  }
}

} // namespace

void CudaBackend::resample(const Resampling& filter, const Tensor& x, Out y) {
  const Signal in(x), out(y.tensor);
  require(filter.taps.size() <= most_taps, "cuda: resample has ", filter.taps.size(),
          " taps, at most ", most_taps, " are supported");
  visit(x.dtype(), [&]<class T>(T) {
    Filter<T> f{{}, int(filter.taps.size()), filter.up, filter.down, filter.offset};
    for (int j = 0; j < f.count; ++j) f.taps[j] = T(filter.taps[std::size_t(j)]);
    launch("resample", x.shape())
        .elements(resample_kernel<T>, y.tensor.size(), y.tensor.size(), f, in.length, out.length,
                  in.channels, x.data<T>(), y.tensor.data<T>(), y.add);
  });
}

} // namespace lookback::cuda
