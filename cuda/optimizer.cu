#include "cuda/cuda_backend.cuh"
#include "cuda/map.cuh"

#include <cmath>

namespace lookback::cuda {
namespace {

// One step's numbers, in the type of the weights; `limit` is the longest gradient, 0: any.
template <class T> struct Rates {
  T beta_1, beta_2, epsilon, rate, root, forget;
  double limit;

  explicit Rates(const AdamStep& s)
      : beta_1(T(s.beta_1)), beta_2(T(s.beta_2)), epsilon(T(s.epsilon)),
        rate(T(s.learning_rate / s.bias_correction_1)), root(T(std::sqrt(s.bias_correction_2))),
        forget(T(1 - s.ema_decay)), limit(s.clip_norm) {}
};

template <class P, class T>
__global__ void adam_kernel(Index packs, Rates<T> r, const P* gradient, const T* norm_squared,
                            P* moment_1, P* moment_2, P* value, P* average) {
  const double norm = sqrt(double(*norm_squared));
  const T clip = r.limit > 0 ? T(min(1.0, r.limit / (norm + 1e-6))) : T(1);
  for (Index i = first_element(); i < packs; i += element_stride()) {
    P gs = gradient[i], ms = moment_1[i], vs = moment_2[i], ps = value[i], ss = average[i];
#pragma unroll
    for (int k = 0; k < int(sizeof(P) / sizeof(T)); ++k) {
      T &m = ms.values[k], &v = vs.values[k], &p = ps.values[k], &s = ss.values[k];
      const T g = clip * gs.values[k];
      m += (1 - r.beta_1) * (g - m);
      v = r.beta_2 * v + (1 - r.beta_2) * g * g;
      p -= r.rate * m / (sqrt(v) / r.root + r.epsilon);
      s -= r.forget * (s - p);
    }
    moment_1[i] = ms, moment_2[i] = vs, value[i] = ps, average[i] = ss;
  }
}

} // namespace

void CudaBackend::adam(const AdamStep& step, const Tensor& gradient,
                       const Tensor& gradient_norm_squared, const Tensor& moment_1,
                       const Tensor& moment_2, const Tensor& value, const Tensor& average) {
  visit(value.dtype(), [&]<class T>(T) {
    const auto update = [&]<int n>(std::integral_constant<int, n>) {
      using P = Pack<T, n>;
      launch("adam", value.shape())
          .elements(adam_kernel<P, T>, value.size() / n, value.size() / n, Rates<T>(step),
                    gradient.data<P>(), gradient_norm_squared.data<T>(), moment_1.data<P>(),
                    moment_2.data<P>(), value.data<P>(), average.data<P>());
    };
    if (value.size() % most_in_pack<T> == 0 &&
        aligned({gradient.data<T>(), moment_1.data<T>(), moment_2.data<T>(), value.data<T>(),
                 average.data<T>()}))
      update(std::integral_constant<int, most_in_pack<T>>{});
    else
      update(std::integral_constant<int, 1>{});
  });
}

} // namespace lookback::cuda
