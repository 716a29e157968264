#include "cuda/cuda_backend.cuh"
#include "engine/scalar.hpp"

namespace lookback::cuda {
namespace {

template <class T> __global__ void fill_kernel(Index n, T value, T* x) {
  for (Index i = first_element(); i < n; i += element_stride()) x[i] = value;
}

template <class T, class F> __global__ void activate_kernel(Index n, const T* x, T* y) {
  for (Index i = first_element(); i < n; i += element_stride()) y[i] = F::value(x[i]);
}

template <class T, class F>
__global__ void activate_backward_kernel(Index n, const T* x, const T* dy, T* dx, bool add) {
  for (Index i = first_element(); i < n; i += element_stride())
    store(dx + i, add, dy[i] * F::slope(x[i]));
}

template <class T> __global__ void scale_kernel(Index n, T factor, const T* x, T* y, bool add) {
  for (Index i = first_element(); i < n; i += element_stride()) store(y + i, add, factor * x[i]);
}

// y[b, i] (+)= multiple factor[b] x[b, i]
template <class T>
__global__ void scale_samples_kernel(Index n, Index per_sample, T multiple, const T* factor,
                                     const T* x, T* y, bool add) {
  for (Index i = first_element(); i < n; i += element_stride())
    store(y + i, add, multiple * factor[i / per_sample] * x[i]);
}

// x and y point at the first channel to copy, their rows are `from` and `to` channels apart.
template <class T>
__global__ void copy_channels_kernel(Index elements, Index n, const T* x, Index from, T* y,
                                     Index to, bool add) {
  for (Index i = first_element(); i < elements; i += element_stride())
    store(y + i / n * to + i % n, add, x[i / n * from + i % n]);
}

Index sample_size(const Tensor& x) {
  return x.size() ? x.size() / x.shape()[0] : 1;
}

} // namespace

void CudaBackend::fill(const Tensor& x, double value) {
  visit(x.dtype(), [&]<class T>(T) {
    launch("fill", x.shape()).elements(fill_kernel<T>, x.size(), x.size(), value, x.data<T>());
  });
}

void CudaBackend::activate(Activation kind, const Tensor& x, const Tensor& y) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      launch("activate", x.shape())
          .elements(activate_kernel<T, F>, x.size(), x.size(), x.data<T>(), y.data<T>());
    });
  });
}

void CudaBackend::activate_backward(Activation kind, const Tensor& x, const Tensor& dy, Out dx) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      launch("activate_backward", x.shape())
          .elements(activate_backward_kernel<T, F>, x.size(), x.size(), x.data<T>(), dy.data<T>(),
                    dx.tensor.data<T>(), dx.add);
    });
  });
}

void CudaBackend::scale(double factor, const Tensor& x, Out y) {
  visit(x.dtype(), [&]<class T>(T) {
    launch("scale", x.shape())
        .elements(scale_kernel<T>, x.size(), x.size(), factor, x.data<T>(), y.tensor.data<T>(),
                  y.add);
  });
}

void CudaBackend::scale_samples(const Tensor& factor, const Tensor& x, Out y) {
  visit(x.dtype(), [&]<class T>(T) {
    launch("scale_samples", x.shape())
        .elements(scale_samples_kernel<T>, x.size(), x.size(), sample_size(x), 1, factor.data<T>(),
                  x.data<T>(), y.tensor.data<T>(), y.add);
  });
}

// d(sum x^2) = 2 x dx: the samples of x, scaled by 2 dy.
void CudaBackend::squared_norm_backward(const Tensor& x, const Tensor& dy, Out dx) {
  visit(x.dtype(), [&]<class T>(T) {
    launch("squared_norm_backward", x.shape())
        .elements(scale_samples_kernel<T>, x.size(), x.size(), sample_size(x), 2, dy.data<T>(),
                  x.data<T>(), dx.tensor.data<T>(), dx.add);
  });
}

void CudaBackend::copy_channels(const Tensor& x, Index from, Out y, Index to, Index n) {
  const Signal in(x), out(y.tensor);
  visit(x.dtype(), [&]<class T>(T) {
    launch("copy_channels", x.shape())
        .elements(copy_channels_kernel<T>, in.rows() * n, in.rows() * n, n, x.data<T>() + from,
                  in.channels, y.tensor.data<T>() + to, out.channels, y.add);
  });
}

} // namespace lookback::cuda
