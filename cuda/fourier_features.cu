#include "cuda/cuda_backend.cuh"

namespace lookback::cuda {
namespace {

constexpr double pi = 3.14159265358979323846;

// The products in this order and type, as score_models rounds them: p reaches hundreds of radians,
// so sine and cosine are the accurate ones.
template <class T> __device__ T phase(T t, T w) {
  return ((t * w) * T(2)) * T(pi);
}

template <class T>
__global__ void fourier_features_kernel(Index batch, Index n, const T* t, const T* w, T* y) {
  for (Index e = first_element(); e < batch * n; e += element_stride()) {
    const Index b = e / n, i = e % n;
    const T p = phase(t[b], w[i]);
    y[b * 2 * n + i] = sin(p);
    y[b * 2 * n + n + i] = cos(p);
  }
}

template <class T>
__global__ void fourier_features_backward_kernel(Index batch, Index n, const T* t, const T* w,
                                                 const T* dy, T* dt, bool add) {
  for (Index b = first_element(); b < batch; b += element_stride()) {
    const T* d = dy + b * 2 * n;
    T sum = 0;
    for (Index i = 0; i < n; ++i) {
      const T p = phase(t[b], w[i]);
      sum += phase(T(1), w[i]) * (d[i] * cos(p) - d[n + i] * sin(p));
    }
    store(dt + b, add, sum);
  }
}

} // namespace

void CudaBackend::fourier_features(const Tensor& t, const Tensor& w, const Tensor& y) {
  visit(t.dtype(), [&]<class T>(T) {
    launch("fourier_features", y.shape())
        .elements(fourier_features_kernel<T>, t.size() * w.size(), t.size(), w.size(), t.data<T>(),
                  w.data<T>(), y.data<T>());
  });
}

void CudaBackend::fourier_features_backward(const Tensor& t, const Tensor& w, const Tensor& dy,
                                            Out dt) {
  visit(t.dtype(), [&]<class T>(T) {
    launch("fourier_features_backward", dy.shape())
        .elements(fourier_features_backward_kernel<T>, t.size(), t.size(), w.size(), t.data<T>(),
                  w.data<T>(), dy.data<T>(), dt.tensor.data<T>(), dt.add);
  });
}

} // namespace lookback::cuda
