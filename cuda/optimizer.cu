#include "cuda/cuda_backend.cuh"

namespace lookback::cuda {
namespace {

template <class T>
__global__ void adam_kernel(Index n, AdamStep step, const T* gradient, const T* norm_squared,
                            T* moment_1, T* moment_2, T* value, T* average) {
  const double norm = sqrt(double(*norm_squared));
  const T clip = step.clip_norm > 0 ? T(min(1.0, step.clip_norm / (norm + 1e-6))) : T(1);
  const T beta_1 = T(step.beta_1), beta_2 = T(step.beta_2), epsilon = T(step.epsilon);
  const T rate = T(step.learning_rate / step.bias_correction_1);
  const T root = T(sqrt(step.bias_correction_2)), forget = T(1 - step.ema_decay);
  for (Index i = first_element(); i < n; i += element_stride()) {
    const T g = clip * gradient[i];
    const T m = moment_1[i] + (1 - beta_1) * (g - moment_1[i]);
    const T v = beta_2 * moment_2[i] + (1 - beta_2) * g * g;
    const T p = value[i] - rate * m / (sqrt(v) / root + epsilon);
    moment_1[i] = m;
    moment_2[i] = v;
    value[i] = p;
    average[i] -= forget * (average[i] - p);
  }
}

} // namespace

void CudaBackend::adam(const AdamStep& step, const Tensor& gradient,
                       const Tensor& gradient_norm_squared, const Tensor& moment_1,
                       const Tensor& moment_2, const Tensor& value, const Tensor& average) {
  visit(value.dtype(), [&]<class T>(T) {
    launch("adam", value.shape())
        .elements(adam_kernel<T>, value.size(), value.size(), step, gradient.data<T>(),
                  gradient_norm_squared.data<T>(), moment_1.data<T>(), moment_2.data<T>(),
                  value.data<T>(), average.data<T>());
  });
}

} // namespace lookback::cuda
