// Loops over elements that meet no others. A thread takes 16 bytes at a time where all of them are
// aligned and in whole groups, else one element: the same arithmetic, so the same bits.
#pragma once

#include "cuda/launch.cuh"

#include <cstdint>
#include <initializer_list>

namespace lookback::cuda {

// Neighbours that are read or written as one.
template <class T, int n> struct alignas(n == 1 ? sizeof(T) : 16) Pack { T values[n]; };

template <class T> constexpr int most_in_pack = 16 / sizeof(T);

inline bool aligned(std::initializer_list<const void*> pointers) {
  return std::all_of(pointers.begin(), pointers.end(),
                     [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; });
}

template <class T, int n>
__device__ void store(Pack<T, n>* place, bool add, const Pack<T, n>& pack) {
  Pack<T, n> sum = add ? *place : Pack<T, n>{};
#pragma unroll
  for (int k = 0; k < n; ++k) sum.values[k] += pack.values[k];
  *place = sum;
}

// f(first, x, ...) of each element; `first` is the number of the pack's first one.
template <class T, int n, class F, class... Packs>
__device__ Pack<T, n> map_pack(const F& f, Index first, Packs... x) {
  Pack<T, n> y;
#pragma unroll
  for (int k = 0; k < n; ++k) y.values[k] = f(first, x.values[k]...);
  return y;
}

template <class T, int n, class F, class... X>
__global__ void map_kernel(Index packs, F f, T* y, bool add, const X*... x) {
  using P = Pack<T, n>;
  for (Index i = first_element(); i < packs; i += element_stride())
    store(reinterpret_cast<P*>(y) + i, add,
          map_pack<T, n>(f, i * n, reinterpret_cast<const P*>(x)[i]...));
}

// y[i] (+)= f(i, x[i], ...). Within `group` elements, of which there are whole ones, i may stand
// for any of them: a pack does not leave its group.
template <class T, class F, class... X>
void map(const Launch& at, Index group, const F& f, Out y, const X*... x) {
  constexpr int n = most_in_pack<T>;
  T* to = y.tensor.data<T>();
  const Index size = y.tensor.size();
  if (group % n == 0 && aligned({to, x...}))
    at.elements(map_kernel<T, n, F, X...>, size / n, size / n, f, to, y.add, x...);
  else
    at.elements(map_kernel<T, 1, F, X...>, size, size, f, to, y.add, x...);
}

} // namespace lookback::cuda
