// What the plain convolution and the one on tensor cores share.
#pragma once

#include "cuda/launch.cuh"

namespace lookback::cuda {

template <class T> struct Epilogue {
  const T *bias, *embedding, *residual; // null where left out
  T scale;
  T* y;
  bool add;
};

// y (+)= scale (x * w + bias + embedding + residual), float32, the factors of products rounded.
void convolve_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                              const Tensor& w, const Epilogue<float>& epilogue);

// y[i] = x w[i] + bias[i], as above, in one launch for 32 of them; x[B, 1, Ci].
void dense_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                           std::span<const DenseLayer> layers, std::span<const Tensor> y);

// partial[split, K Ci, Co] = the gradient of the weights w[K, Ci, Co] from rows (b, l) of the split
// alone; a split has rows_per_split rows, a multiple of 32.
void weight_gradient_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                                     const Tensor& dy, Index taps, Index rows_per_split,
                                     const Tensor& partial);

} // namespace lookback::cuda
