// conv1d on plain [B, L, C]: every output row is a sum over taps of one input row times a matrix,
// so a tile of rows needs only row pointers (a row of zeros beyond the ends), no im2col and no
// halo.
#include "engine/cpu/cpu_backend.hpp"
#include "engine/cpu/tile.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

constexpr int column_vectors = 2;
template <class T> constexpr std::int64_t panel_width = column_vectors* lanes<T>;
constexpr std::int64_t tiles_per_piece = 8;
constexpr std::int64_t most_taps = 15;
// Channels: rounding fewer costs more than it saves.
constexpr std::int64_t least_bf16 = 16;

// The factors of a convolution as the tiles read them: x of `width` factors a row, and the weights
// in panels of columns, the last of which may be a copy padded with zeros.
template <class M> struct Factors {
  using Stored = typename M::Stored;
  Signal signal;
  std::int64_t taps, width;
  const Stored *x, *zeros;         // [rows, width], [width]
  const Stored* w;                 // first panel
  std::int64_t panel_step, stride; // between panels, and between a panel's rows
  const Stored* last = nullptr;    // in place of the last panel, rows side by side

  const Stored* panel(std::int64_t i) const { return w + i * panel_step; }
};

// The rows that a tile of consecutive outputs reads, one list a tap.
template <class M> struct TileRows {
  const typename M::Stored* row[most_taps][tile_rows];

  TileRows(const Factors<M>& f, std::int64_t first, std::int64_t height) {
    const std::int64_t length = f.signal.length;
    std::int64_t position[tile_rows]; // within the sample; beyond `height` no tap is inside
    for (std::int64_t i = 0, l = first % length; i < tile_rows; ++i) {
      position[i] = i < height ? l : -most_taps;
      if (++l == length) l = 0;
    }
    for (std::int64_t tap = 0; tap < f.taps; ++tap) {
      const std::int64_t shift = tap - f.taps / 2;
      const auto* from = f.x + (first + shift) * f.width;
      for (std::int64_t i = 0; i < tile_rows; ++i) {
        const std::int64_t l = position[i] + shift;
        row[tap][i] = l >= 0 && l < length ? from + i * f.width : f.zeros;
      }
    }
  }
};

// Where a tile starts from and where it goes: pointers to its columns of the first row, the rows
// being `stride` apart; null for what is absent.
template <class T> struct TileTerms {
  const T *bias, *residual;
  const T* embedding[tile_rows]; // of each row's sample
  T* y;
  std::int64_t stride;
  T scale;
  bool add;
};

// y (+)= scale (bias + embedding + residual + sum over taps of row x matrix) for `height` rows of
// `columns` vectors; w advances by `stride` elements a factor. The last arguments are edge_tile's.
template <class M, int height, int columns>
void tile(const TileRows<M>& rows, std::int64_t taps, std::int64_t width,
          const typename M::Stored* w, std::int64_t stride, const TileTerms<typename M::Sum>& e,
          std::int64_t, std::int64_t) {
  using T = typename M::Sum;
  vec<T> acc[height][columns];
  const auto each = [&](auto&& f) {
#pragma GCC unroll 16
    for (int i = 0; i < height; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < columns; ++v) f(acc[i][v], i, v * lanes<T>);
  };
  if (e.bias)
    each([&](vec<T>& a, int, int c) { a = at(e.bias + c); });
  else
    each([&](vec<T>& a, int, int) { a = vec<T>{}; });
  if (e.embedding[0]) each([&](vec<T>& a, int i, int c) { a += at(e.embedding[i] + c); });
  if (e.residual) each([&](vec<T>& a, int i, int c) { a += at(e.residual + i * e.stride + c); });
  for (std::int64_t tap = 0; tap < taps; ++tap)
    multiply<M, height, columns>(rows.row[tap], width, w + tap * width * stride, stride, acc);
  const vec<T> scale = broadcast(e.scale);
  if (e.add)
    each([&](vec<T>& a, int i, int c) { at(e.y + i * e.stride + c) += scale * a; });
  else
    each([&](vec<T>& a, int i, int c) { at(e.y + i * e.stride + c) = scale * a; });
}

// A tile that is lower or narrower than its registers, by way of copies of full size.
template <class M>
void edge_tile(const TileRows<M>& rows, std::int64_t taps, std::int64_t width,
               const typename M::Stored* w, std::int64_t stride,
               const TileTerms<typename M::Sum>& e, std::int64_t height, std::int64_t n) {
  using T = typename M::Sum;
  T start[tile_rows][panel_width<T>] = {}, out[tile_rows][panel_width<T>];
  for (std::int64_t i = 0; i < height; ++i)
    for (std::int64_t c = 0; c < n; ++c) {
      if (e.bias) start[i][c] += e.bias[c];
      if (e.embedding[0]) start[i][c] += e.embedding[i][c];
      if (e.residual) start[i][c] += e.residual[i * e.stride + c];
    }
  const TileTerms<T> inner{nullptr, start[0], {}, out[0], panel_width<T>, T(1), false};
  tile<M, tile_rows, column_vectors>(rows, taps, width, w, stride, inner, height, n);
  for (std::int64_t i = 0; i < height; ++i)
    for (std::int64_t c = 0; c < n; ++c) {
      T& target = e.y[i * e.stride + c];
      target = (e.add ? target : T(0)) + e.scale * out[i][c];
    }
}

// y (+)= scale (x * w + bias + embedding + residual), y of `co` channels
template <class M>
void convolve(const Factors<M>& f, std::int64_t co, const ConvEpilogue& e, Out y) {
  require(f.taps <= most_taps, "conv1d: ", f.taps, " taps given, at most ", most_taps,
          " are supported");
  using T = typename M::Sum;
  constexpr std::int64_t panel_columns = panel_width<T>;
  const std::int64_t panels = (co + panel_columns - 1) / panel_columns, total = f.signal.rows();
  const std::int64_t rows_per_piece = tiles_per_piece * tile_rows;
  const std::int64_t pieces = (total + rows_per_piece - 1) / rows_per_piece;
  const auto data = [](const Tensor& t) { return t ? t.data<T>() : nullptr; };
  const auto shifted = [](T* p, std::int64_t n) { return p ? p + n : nullptr; };
  T *bias = data(e.bias), *embedding = data(e.embedding), *residual = data(e.residual);
  parallel_for(pieces * panels, [&](std::int64_t task) {
    const std::int64_t panel = task % panels, j = panel * panel_columns;
    const std::int64_t n = std::min(panel_columns, co - j);
    const std::int64_t end = std::min(total, (task / panels + 1) * rows_per_piece);
    const bool copied = f.last && panel + 1 == panels;
    const auto* matrix = copied ? f.last : f.panel(panel);
    const std::int64_t stride = copied ? panel_columns : f.stride;
    for (std::int64_t first = task / panels * rows_per_piece; first < end; first += tile_rows) {
      const std::int64_t height = std::min<std::int64_t>(tile_rows, end - first);
      const TileRows<M> rows(f, first, height);
      const std::int64_t corner = first * co + j;
      TileTerms<T> terms{shifted(bias, j),
                         shifted(residual, corner),
                         {},
                         y.tensor.data<T>() + corner,
                         co,
                         T(e.scale),
                         y.add};
      if (embedding)
        for (std::int64_t i = 0; i < height; ++i)
          terms.embedding[i] = embedding + (first + i) / f.signal.length * co + j;
      constexpr int third = tile_rows / 3;
      const auto run = n < panel_columns     ? edge_tile<M>
                       : height == tile_rows ? tile<M, tile_rows, column_vectors>
                       : height == 2 * third ? tile<M, 2 * third, column_vectors>
                       : height == third     ? tile<M, third, column_vectors>
                                             : edge_tile<M>;
      run(rows, f.taps, f.width, matrix, stride, terms, height, n);
    }
  });
}

// In the precision of the tensors: x and the weights are read where they are.
template <class T>
void convolve_plain(const Tensor& x, const Tensor& w, const ConvEpilogue& e, Out y,
                    CpuBackend& backend) {
  const std::int64_t taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  constexpr std::int64_t columns = panel_width<T>;
  const std::int64_t whole = co / columns * columns, tail = co - whole;
  Tensor padded({tail ? taps * ci * columns : 0}, x.dtype(), backend),
      zeros({ci}, x.dtype(), backend);
  backend.fill(zeros, 0);
  if (tail) {
    backend.fill(padded, 0);
    for (std::int64_t k = 0; k < taps * ci; ++k)
      std::copy_n(w.data<T>() + k * co + whole, tail, padded.data<T>() + k * columns);
  }
  convolve<Plain<T>>({Signal(x), taps, ci, x.data<T>(), zeros.data<T>(), w.data<T>(), columns, co,
                      tail ? padded.data<T>() : nullptr},
                     co, e, y);
}

// The bits of float32 numbers, one or a vector of them, rounded to the nearest bfloat16 (ties to
// even): its bits are the upper half.
template <class Bits> inline Bits bf16_bits(Bits x) {
  return (x + 0x7fffu + ((x >> 16) & 1u)) & 0xffff0000u;
}
template <class Bits> inline Bits bf16_pair(Bits first, Bits second) {
  return (bf16_bits(first) >> 16) | bf16_bits(second);
}

// x and the weights rounded to bfloat16, sums in float32. Processors without bfloat16 products get
// the same rounded factors as float32.
void convolve_bf16(const Tensor& x, const Tensor& w, const ConvEpilogue& e, Out y,
                   CpuBackend& backend) {
  const Signal s(x);
#ifdef LOOKBACK_ISA_avx512
  const std::int64_t taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  if (__builtin_cpu_supports("avx512bf16") && ci % 2 == 0) {
    constexpr std::int64_t columns = panel_width<float>;
    const std::int64_t width = ci / 2, depth = taps * width, panels = (co + columns - 1) / columns;
    using Pair = std::uint32_t;
    Tensor rows({s.rows() * width}, DType::f32, backend), zeros({width}, DType::f32, backend),
        packed({panels * depth * columns}, DType::f32, backend); // 32 bits an element
    backend.fill(zeros, 0);
    for_ranges(s.rows() * width, 1 << 13, [&](std::int64_t first, std::int64_t last) {
      const float* from = x.data<float>();
      Pair* to = rows.data<Pair>();
      std::int64_t i = first;
      for (; i + 16 <= last; i += 16)
        at(to + i) =
            vec<Pair>(_mm512_cvtne2ps_pbh(__m512(at(from + 2 * i + 16)), __m512(at(from + 2 * i))));
      for (; i < last; ++i)
        to[i] = bf16_pair(std::bit_cast<Pair>(from[2 * i]), std::bit_cast<Pair>(from[2 * i + 1]));
    });
    for_ranges(panels * depth, 64, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const std::int64_t j = i / depth * columns, k = i % depth, n = std::min(columns, co - j);
        const Pair *even = w.data<Pair>() + 2 * k * co + j, *odd = even + co;
        Pair* to = packed.data<Pair>() + i * columns;
        if (n == columns)
          for (std::int64_t c = 0; c < columns; c += lanes<Pair>)
            at(to + c) = bf16_pair(at(even + c), at(odd + c));
        else
          for (std::int64_t c = 0; c < columns; ++c) to[c] = c < n ? bf16_pair(even[c], odd[c]) : 0;
      }
    });
    return convolve<Bf16Pairs>({s, taps, width, rows.data<Pair>(), zeros.data<Pair>(),
                                packed.data<Pair>(), depth * columns, columns},
                               co, e, y);
  }
#endif
  const auto rounded = [&](const Tensor& t) {
    Tensor r = empty_like(t);
    for_ranges(t.size(), 1 << 14, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i)
        r.data<std::uint32_t>()[i] = bf16_bits(t.data<std::uint32_t>()[i]);
    });
    return r;
  };
  convolve_plain<float>(rounded(x), rounded(w), e, y, backend);
}

// acc[ci tile][co panel] of dw for one tap, summed over all rows in order. Columns beyond co are
// read (and dropped) only where the row after still belongs to dy.
template <class T, int rows, int columns>
void weight_tile(const T* x, std::int64_t ci, const T* dy, std::int64_t co, std::int64_t count,
                 vec<T> (&acc)[rows][columns]) {
  for (std::int64_t q = 0; q < count; ++q, x += ci, dy += co) {
    vec<T> b[columns];
#pragma GCC unroll 4
    for (int v = 0; v < columns; ++v) b[v] = at(dy + v * lanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const vec<T> a = broadcast(x[i]);
#pragma GCC unroll 4
      for (int v = 0; v < columns; ++v) acc[i][v] += a * b[v];
    }
  }
}

// dw[tap][k0 ... k0 + rows)[j ... j + n) for samples [first, last): adds to `sum`.
template <class T, int rows, int columns>
void weight_block(const T* x, std::int64_t ci, const T* dy, std::int64_t co, std::int64_t n,
                  std::int64_t length, std::int64_t shift, std::int64_t first, std::int64_t last,
                  T* sum, std::int64_t stride) {
  vec<T> acc[rows][columns] = {};
  const std::int64_t from = std::max<std::int64_t>(0, -shift),
                     to = std::min(length, length - shift);
  for (std::int64_t b = first; b < last; ++b)
    weight_tile<T, rows, columns>(x + (b * length + from + shift) * ci, ci,
                                  dy + (b * length + from) * co, co, to - from, acc);
  for (int i = 0; i < rows; ++i) {
    T row[columns * lanes<T>];
    for (int v = 0; v < columns; ++v) at(row + v * lanes<T>) = acc[i][v];
    for (std::int64_t c = 0; c < n; ++c) sum[i * stride + c] += row[c];
  }
}

// dw (+)= factor sum over rows of x[row + tap - taps/2] dy[row]^T. Every element is summed by one
// thread in the order of the rows, in blocks of samples that stay in cache.
template <class T>
void weight_gradient(double factor, const Tensor& x, const Tensor& dy, Out dw,
                     CpuBackend& backend) {
  const Signal s(x);
  const Shape& k = dw.tensor.shape();
  const std::int64_t taps = k[0], ci = k[1], co = k[2], rows = 8, width = column_vectors * lanes<T>;

  // dy with channels padded to whole vectors, where they are not.
  const std::int64_t wide = (co + lanes<T> - 1) / lanes<T> * lanes<T>;
  Tensor padded = dy;
  if (wide != co) {
    padded = Tensor({s.rows(), wide}, dy.dtype(), backend);
    backend.fill(padded, 0);
    backend.copy_channels(dy, 0, {padded, false}, 0, co);
  }
  Tensor sum({taps * ci * co}, x.dtype(), backend);
  backend.fill(sum, 0);

  const std::int64_t ci_tiles = ci / rows + ci % rows, panels = (co + width - 1) / width;
  const std::int64_t tasks = taps * ci_tiles * panels, group = 12;
  const std::int64_t samples = std::max<std::int64_t>(1, 256 / std::max<std::int64_t>(1, s.length));
  for_ranges(tasks, group, [&](std::int64_t first_task, std::int64_t last_task) {
    for (std::int64_t first = 0; first < s.batch; first += samples)
      for (std::int64_t task = first_task; task < last_task; ++task) {
        const std::int64_t panel = task % panels, tile = task / panels % ci_tiles,
                           tap = task / panels / ci_tiles;
        const bool full = tile < ci / rows;
        const std::int64_t k0 = full ? tile * rows : ci / rows * rows + tile - ci / rows;
        const std::int64_t j = panel * width, n = std::min(width, co - j),
                           last = std::min(s.batch, first + samples);
        const auto run = [&]<int r, int c>(std::integral_constant<int, r>,
                                           std::integral_constant<int, c>) {
          weight_block<T, r, c>(x.data<T>() + k0, ci, padded.data<T>() + j, wide, n, s.length,
                                tap - taps / 2, first, last,
                                sum.data<T>() + (tap * ci + k0) * co + j, co);
        };
        const std::integral_constant<int, 1> one;
        const std::integral_constant<int, column_vectors> both;
        const std::integral_constant<int, 8> tall;
        if (wide - j >= width)
          full ? run(tall, both) : run(one, both);
        else
          full ? run(tall, one) : run(one, one);
      }
  });
  backend.scale(factor, sum.reshaped(k), dw);
}

} // namespace

void CpuBackend::conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue,
                        const Tensor& y) {
  const Out out{y, false};
  if (precision() == Precision::bf16 && x.dtype() == DType::f32 && w.shape()[1] >= least_bf16)
    return convolve_bf16(x, w, epilogue, out, *this);
  visit(x.dtype(), [&]<class T>(T) { convolve_plain<T>(x, w, epilogue, out, *this); });
}

// The transpose of a "same" convolution is the convolution with taps reversed and channels
// exchanged.
void CpuBackend::conv1d_backward_input(double factor, const Tensor& w, const Tensor& dy, Out dx) {
  const std::int64_t taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  Tensor transposed({taps, co, ci}, w.dtype(), *this);
  visit(w.dtype(), [&]<class T>(T) {
    const T* from = w.data<T>();
    T* to = transposed.data<T>();
    parallel_for(taps * ((co + 15) / 16), [&](std::int64_t task) {
      const std::int64_t tap = task % taps, first = task / taps * 16,
                         last = std::min(co, first + 16);
      for (std::int64_t i = 0; i < ci; ++i)
        for (std::int64_t o = first; o < last; ++o)
          to[((taps - 1 - tap) * co + o) * ci + i] = from[(tap * ci + i) * co + o];
    });
    ConvEpilogue e;
    e.scale = factor;
    convolve_plain<T>(dy, transposed, e, dx, *this);
  });
}

void CpuBackend::conv1d_backward_weight(double factor, const Tensor& x, const Tensor& dy, Out dw) {
  visit(x.dtype(), [&]<class T>(T) { weight_gradient<T>(factor, x, dy, dw, *this); });
}

} // namespace lookback::cpu::LOOKBACK_ISA
