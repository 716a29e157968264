// conv1d on plain [B, L, C]: every output row is a sum over taps of one input row times a matrix,
// so a tile of rows needs only row pointers (a row of zeros beyond the ends), no im2col and no
// halo.
#include "engine/cpu/cpu_backend.hpp"
#include "engine/cpu/tile.hpp"

#include <algorithm>

namespace lookback::cpu {
namespace {

constexpr int column_vectors = 2;
constexpr std::int64_t tiles_per_piece = 8;
constexpr std::int64_t most_taps = 15;

// The rows that a tile of consecutive outputs reads, one list a tap.
template <class T> struct TileRows {
  const T* row[most_taps][tile_rows];

  TileRows(const T* x, const T* zeros, const Signal& s, std::int64_t taps, std::int64_t first,
           std::int64_t height) {
    std::int64_t l = first % s.length;
    for (std::int64_t i = 0; i < tile_rows; ++i) {
      const T* centre = x + (first + i) * s.channels;
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t shift = tap - taps / 2;
        const bool inside = i < height && l + shift >= 0 && l + shift < s.length;
        row[tap][i] = inside ? centre + shift * s.channels : zeros;
      }
      if (++l == s.length) l = 0;
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
// `columns` vectors; w advances by `stride` elements a channel. The last arguments are edge_tile's.
template <class T, int height, int columns>
void tile(const TileRows<T>& rows, std::int64_t taps, std::int64_t ci, const T* w,
          std::int64_t stride, const TileTerms<T>& e, std::int64_t, std::int64_t) {
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
    multiply<T, height, columns>(rows.row[tap], ci, w + tap * ci * stride, stride, acc);
  const vec<T> scale = broadcast(e.scale);
  if (e.add)
    each([&](vec<T>& a, int i, int c) { at(e.y + i * e.stride + c) += scale * a; });
  else
    each([&](vec<T>& a, int i, int c) { at(e.y + i * e.stride + c) = scale * a; });
}

// A tile that is lower or narrower than its registers, by way of copies of full size.
template <class T>
void edge_tile(const TileRows<T>& rows, std::int64_t taps, std::int64_t ci, const T* w,
               std::int64_t stride, const TileTerms<T>& e, std::int64_t height, std::int64_t n) {
  constexpr std::int64_t width = column_vectors * lanes<T>;
  T start[tile_rows][width] = {}, out[tile_rows][width];
  for (std::int64_t i = 0; i < height; ++i)
    for (std::int64_t c = 0; c < n; ++c) {
      if (e.bias) start[i][c] += e.bias[c];
      if (e.embedding[0]) start[i][c] += e.embedding[i][c];
      if (e.residual) start[i][c] += e.residual[i * e.stride + c];
    }
  const TileTerms<T> inner{nullptr, start[0], {}, out[0], width, T(1), false};
  tile<T, tile_rows, column_vectors>(rows, taps, ci, w, stride, inner, height, n);
  for (std::int64_t i = 0; i < height; ++i)
    for (std::int64_t c = 0; c < n; ++c) {
      T& target = e.y[i * e.stride + c];
      target = (e.add ? target : T(0)) + e.scale * out[i][c];
    }
}

// y (+)= scale (x * w + bias + embedding + residual)
template <class T>
void convolve(const Tensor& x, const Tensor& w, const ConvEpilogue& e, Out y, CpuBackend& backend) {
  const Signal s(x);
  const std::int64_t taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  require(taps <= most_taps, "conv1d: ", taps, " taps given, at most ", most_taps,
          " are supported");
  constexpr std::int64_t width = column_vectors * lanes<T>;
  const std::int64_t panels = (co + width - 1) / width, whole = co / width * width;

  // The last panel may be narrower than its vectors: a copy padded with zeros stands in for it.
  const std::int64_t tail = co - whole;
  Tensor padded({tail ? taps * ci * width : 0}, x.dtype(), backend),
      zeros({ci}, x.dtype(), backend);
  if (tail)
    for (std::int64_t k = 0; k < taps * ci; ++k) {
      T* row = padded.data<T>() + k * width;
      std::fill_n(row, width, T(0));
      std::copy_n(w.data<T>() + k * co + whole, tail, row);
    }
  backend.fill(zeros, 0);

  const std::int64_t rows_per_piece = tiles_per_piece * tile_rows;
  const std::int64_t pieces = (s.rows() + rows_per_piece - 1) / rows_per_piece;
  const auto data = [](const Tensor& t) { return t ? t.data<T>() : nullptr; };
  const auto shifted = [](T* p, std::int64_t n) { return p ? p + n : nullptr; };
  T *bias = data(e.bias), *embedding = data(e.embedding), *residual = data(e.residual);
  parallel_for(pieces * panels, [&](std::int64_t task) {
    const std::int64_t panel = task % panels, j = panel * width, n = std::min(width, co - j);
    const std::int64_t end = std::min(s.rows(), (task / panels + 1) * rows_per_piece);
    const T* matrix = n == width ? w.data<T>() + j : padded.data<T>();
    const std::int64_t stride = n == width ? co : width;
    for (std::int64_t first = task / panels * rows_per_piece; first < end; first += tile_rows) {
      const std::int64_t height = std::min<std::int64_t>(tile_rows, end - first);
      const TileRows<T> rows(x.data<T>(), zeros.data<T>(), s, taps, first, height);
      TileTerms<T> terms{shifted(bias, j),
                         shifted(residual, first * co + j),
                         {},
                         y.tensor.data<T>() + first * co + j,
                         co,
                         T(e.scale),
                         y.add};
      if (embedding)
        for (std::int64_t i = 0; i < height; ++i)
          terms.embedding[i] = embedding + (first + i) / s.length * co + j;
      constexpr int third = tile_rows / 3;
      const auto run = n < width             ? edge_tile<T>
                       : height == tile_rows ? tile<T, tile_rows, column_vectors>
                       : height == 2 * third ? tile<T, 2 * third, column_vectors>
                       : height == third     ? tile<T, third, column_vectors>
                                             : edge_tile<T>;
      run(rows, taps, ci, matrix, stride, terms, height, n);
    }
  });
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
  visit(x.dtype(), [&]<class T>(T) { convolve<T>(x, w, epilogue, {y, false}, *this); });
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
    convolve<T>(dy, transposed, e, dx, *this);
  });
}

void CpuBackend::conv1d_backward_weight(double factor, const Tensor& x, const Tensor& dy, Out dw) {
  visit(x.dtype(), [&]<class T>(T) { weight_gradient<T>(factor, x, dy, dw, *this); });
}

} // namespace lookback::cpu
