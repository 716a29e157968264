#include "cuda/cuda_backend.cuh"
#include "cuda/map.cuh"

namespace lookback::cuda {
namespace {

constexpr int most_taps = 32; // the filter travels as a parameter of the kernel

template <class T> struct Filter {
  T taps[most_taps];
  int count, up, down, offset;
};

// y[b, m, c] (+)= sum over taps j of taps[j] x[b, n, c], where up n = down m - offset + j; `width`
// packs of channels a row. Divisions of 64 bits are slow, so they are few.
template <class T, int size>
__global__ void resample_kernel(Index packs, Filter<T> f, int from_length, int to_length, int width,
                                const Pack<T, size>* x, Pack<T, size>* y, bool add) {
  for (Index e = first_element(); e < packs; e += element_stride()) {
    const Index row = e / width, sample = row / to_length;
    const int m = int(row - sample * to_length), first = f.down * m - f.offset;
    const Pack<T, size>* from = x + sample * from_length * width + (e - row * width);
    Pack<T, size> sum = {};
    for (int j = 0; j < f.count; ++j) {
      const int position = first + j, n = position / f.up;
      if (position < 0 || position % f.up != 0 || n >= from_length) continue;
      const Pack<T, size> term = from[Index(n) * width];
#pragma unroll
      for (int k = 0; k < size; ++k) sum.values[k] += f.taps[j] * term.values[k];
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
    const auto filter_packs = [&]<int n>(std::integral_constant<int, n>) {
      const Index packs = y.tensor.size() / n;
      launch("resample", x.shape())
          .elements(resample_kernel<T, n>, packs, packs, f, in.length, out.length, in.channels / n,
                    x.data<Pack<T, n>>(), y.tensor.data<Pack<T, n>>(), y.add);
    };
    if (in.channels % most_in_pack<T> == 0 && aligned({x.data<T>(), y.tensor.data<T>()}))
      filter_packs(std::integral_constant<int, most_in_pack<T>>{});
    else
      filter_packs(std::integral_constant<int, 1>{});
  });
}

} // namespace lookback::cuda
