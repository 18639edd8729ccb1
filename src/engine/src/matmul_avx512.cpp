// SPDX-License-Identifier: Apache-2.0
// One register holds 4 weights of each of 16 rows; vpdpbusd multiplies them with 4 activations, which it reads from
// memory for all rows at once. A column costs 8 of those a chunk and three or four more instructions.
#include <immintrin.h>

#include "matmul_tiles.hpp"
#include "matmul_unpack.hpp"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma"))), \
                             apply_to = function)

namespace hearth::engine {
namespace {

constexpr int kAhead = 4096;    // bytes between what is read and what is fetched
constexpr int kColumnsMax = 8;  // more sums leave no registers for the weights

/// Adds a chunk's part of `Count` columns, side by side: each column's sum waits for itself alone. `numbers` are the
/// columns' scales, then, `Width` apart, the two numbers made of sums.
template <Quant Q, int Width, int Count>
void add_chunk(__m512* sums, const Unpacked& w, const Scales& scales, const int* activations, const float* numbers) {
  constexpr Format format = format_of(Q);
  const int* starts = reinterpret_cast<const int*>(numbers) + Width;
  __m512i dots[Count];
  const auto dot = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      for (int j = 0; j < Count; ++j)
        dots[j] = _mm512_dpbusd_epi32(dots[j], w.v[i], all(activations[j * kVectors + i]));
    }
  };
  for (int j = 0; j < Count; ++j) dots[j] = format.minimums ? _mm512_setzero_si512() : all(starts[j]);
  dot(0, format.halves ? kVectors / 2 : kVectors);
  __m512 scaled[Count];
  for (int j = 0; j < Count; ++j) scaled[j] = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[j]), scales.first);
  if constexpr (format.halves) {
    for (int j = 0; j < Count; ++j) dots[j] = all(starts[Width + j]);
    dot(kVectors / 2, kVectors);
    for (int j = 0; j < Count; ++j) scaled[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[j]), scales.second, scaled[j]);
  }
  for (int j = 0; j < Count; ++j) {
    sums[j] = _mm512_fmadd_ps(scaled[j], _mm512_set1_ps(numbers[j]), sums[j]);
    if constexpr (format.minimums) {
      sums[j] = _mm512_fnmadd_ps(scales.second, _mm512_set1_ps(numbers[Width + j]), sums[j]);
    }
  }
}

/// `Count` columns of a panel, from column `first`.
template <Quant Q, int Width, int Count>
void multiply_columns(const Tile& tile, int first) {
  constexpr Format format = format_of(Q);
  constexpr int kTogether = Count < 4 ? Count : Count % 4 == 0 ? 4 : 3;
  __m512 sums[Count];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  Supers supers{};
  const std::uint8_t* weights = tile.weights;
  const auto* activations = reinterpret_cast<const int*>(tile.panel) + first * kVectors;
  const auto* numbers = reinterpret_cast<const float*>(tile.panel + Width * kChunk) + first;
#pragma clang loop unroll(disable)
  for (std::int64_t c = 0; c < tile.chunks; ++c) {
    if constexpr (format.two_level) {
      if (c % (kSuper / kChunk) == 0) supers = supers_at<Q>(tile.supers + c / (kSuper / kChunk) * format.super_bytes());
    }
    if (first == 0) fetch<Q>(weights + kAhead);
    Unpacked w;
    unpack<Q>(weights, w);
    const Scales scales = scales_at<Q>(tile.scales + c * kScaleBytes, supers);
    for (int j = 0; j < Count; j += kTogether) {
      add_chunk<Q, Width, kTogether>(sums + j, w, scales, activations + j * kVectors, numbers + j);
    }
    weights += format.chunk_bytes();
    activations += Panel::chunk_bytes(Width) / sizeof(int);
    numbers += Panel::chunk_bytes(Width) / sizeof(float);
  }
  for (int j = 0; j < Count; ++j) {
    if (first + j < tile.used) _mm512_storeu_ps(tile.out + (first + j) * tile.out_stride, sums[j]);
  }
}

template <Quant Q, int Width>
void multiply_tile(const Tile& tile) {
  constexpr int kCount = Width <= kColumnsMax ? Width : Width / 2;
  for (int first = 0; first < tile.used; first += kCount) multiply_columns<Q, Width, kCount>(tile, first);
}

template <Quant Q>
TileKernel kernel_of(int width) {
  switch (width) {
    case 1: return multiply_tile<Q, 1>;
    case 2: return multiply_tile<Q, 2>;
    case 3: return multiply_tile<Q, 3>;
    case 4: return multiply_tile<Q, 4>;
    case 6: return multiply_tile<Q, 6>;
    case 8: return multiply_tile<Q, 8>;
    case 12: return multiply_tile<Q, 12>;
    default: return multiply_tile<Q, kPanelMax>;
  }
}

}  // namespace

TileKernel tile_kernel_avx512(Quant quant, int width) {
  switch (quant) {
    case Quant::q4_0: return kernel_of<Quant::q4_0>(width);
    case Quant::q5_0: return kernel_of<Quant::q5_0>(width);
    case Quant::q8_0: return kernel_of<Quant::q8_0>(width);
    case Quant::q4_k: return kernel_of<Quant::q4_k>(width);
    case Quant::q5_k: return kernel_of<Quant::q5_k>(width);
    case Quant::q6_k: return kernel_of<Quant::q6_k>(width);
  }
  __builtin_unreachable();
}

}  // namespace hearth::engine

#pragma clang attribute pop
