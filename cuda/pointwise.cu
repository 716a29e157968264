#include "cuda/cuda_backend.cuh"
#include "cuda/map.cuh"
#include "engine/scalar.hpp"

namespace lookback::cuda {
namespace {

template <class T> struct Constant {
  T value;
  __device__ T operator()(Index) const { return value; }
};
template <class F> struct Value {
  template <class T> __device__ T operator()(Index, T x) const { return F::value(x); }
};
template <class F> struct Slope {
  template <class T> __device__ T operator()(Index, T x, T dy) const { return dy * F::slope(x); }
};
template <class T> struct Multiple {
  T factor;
  __device__ T operator()(Index, T x) const { return factor * x; }
};
// multiple factor[b] x[b, i]
template <class T> struct SampleMultiple {
  T multiple;
  const T* factor;
  Index per_sample;
  __device__ T operator()(Index i, T x) const { return multiple * factor[i / per_sample] * x; }
};

// table[row, i / each]
template <class T> struct Row {
  const T* table;
  const double* row;
  Index width, each;
  __device__ T operator()(Index i) const { return table[Index(*row) * width + i / each]; }
};

// Packs of channels: x and y point at the first to copy, their rows are `from` and `to` packs
// apart.
template <class P>
__global__ void copy_channels_kernel(Index packs, Index n, const P* x, Index from, P* y, Index to,
                                     bool add) {
  for (Index i = first_element(); i < packs; i += element_stride()) {
    const Index row = i / n, c = i - row * n;
    store(y + row * to + c, add, x[row * from + c]);
  }
}

Index sample_size(const Tensor& x) {
  return x.size() ? x.size() / x.shape()[0] : 1;
}

} // namespace

void CudaBackend::fill(const Tensor& x, double value) {
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(launch("fill", x.shape()), x.size(), Constant<T>{T(value)}, {x, false});
  });
}

void CudaBackend::activate(Activation kind, const Tensor& x, const Tensor& y) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      map<T>(launch("activate", x.shape()), x.size(), Value<F>{}, {y, false}, x.data<T>());
    });
  });
}

void CudaBackend::activate_backward(Activation kind, const Tensor& x, const Tensor& dy, Out dx) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      map<T>(launch("activate_backward", x.shape()), x.size(), Slope<F>{}, dx, x.data<T>(),
             dy.data<T>());
    });
  });
}

void CudaBackend::scale(double factor, const Tensor& x, Out y) {
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(launch("scale", x.shape()), x.size(), Multiple<T>{T(factor)}, y, x.data<T>());
  });
}

void CudaBackend::scale_samples(const Tensor& factor, const Tensor& x, Out y) {
  const Index per_sample = sample_size(x);
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(launch("scale_samples", x.shape()), per_sample,
           SampleMultiple<T>{1, factor.data<T>(), per_sample}, y, x.data<T>());
  });
}

// d(sum x^2) = 2 x dx: the samples of x, scaled by 2 dy.
void CudaBackend::squared_norm_backward(const Tensor& x, const Tensor& dy, Out dx) {
  const Index per_sample = sample_size(x);
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(launch("squared_norm_backward", x.shape()), per_sample,
           SampleMultiple<T>{2, dy.data<T>(), per_sample}, dx, x.data<T>());
  });
}

void CudaBackend::spread_row(const Tensor& table, const Tensor& row, const Tensor& y) {
  const Index width = table.shape()[1], each = y.size() / width;
  visit(y.dtype(), [&]<class T>(T) {
    map<T>(launch("spread_row", y.shape()), each,
           Row<T>{table.data<T>(), row.data<double>(), width, each}, {y, false});
  });
}

void CudaBackend::copy_channels(const Tensor& x, Index from, Out y, Index to, Index n) {
  const Signal in(x), out(y.tensor);
  const Launch at = launch("copy_channels", x.shape());
  visit(x.dtype(), [&]<class T>(T) {
    const T* source = x.data<T>() + from;
    T* target = y.tensor.data<T>() + to;
    const auto copy = [&]<int width>(std::integral_constant<int, width>) {
      using P = Pack<T, width>;
      at.elements(copy_channels_kernel<P>, in.rows() * n / width, in.rows() * n / width, n / width,
                  reinterpret_cast<const P*>(source), in.channels / width,
                  reinterpret_cast<P*>(target), out.channels / width, y.add);
    };
    constexpr int most = most_in_pack<T>;
    if (n % most == 0 && in.channels % most == 0 && out.channels % most == 0 &&
        aligned({source, target}))
      copy(std::integral_constant<int, most>{});
    else
      copy(std::integral_constant<int, 1>{});
  });
}

} // namespace lookback::cuda
