// SPDX-License-Identifier: Apache-2.0
// One register holds 4 weights of each of 16 rows; vpdpbusd multiplies them with 4 activations, which it reads from
// memory for all rows at once. A column costs 8 of those a chunk and three or four more instructions.
#include <immintrin.h>

#include <utility>

#include "matmul_tiles.hpp"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma"))), apply_to = function)

namespace hearth::engine {
namespace {

constexpr int kVectors = kChunk / 4;
constexpr int kAhead = 1024;  // bytes between what is read and what is fetched; where few columns leave little to do

__m512i load(const std::uint8_t* from) { return _mm512_loadu_si512(from); }
__m512i all(int x) { return _mm512_set1_epi32(x); }

/// What a chunk's weights are after unpacking: unsigned bytes.
struct Unpacked {
  __m512i v[kVectors];
};

void unpack_nibbles(const std::uint8_t* from, Unpacked& out) {
  const __m512i low = all(0x0f0f0f0f);
  for (int i = 0; i < 4; ++i) {
    const __m512i both = load(from + i * kVector);
    out.v[i] = _mm512_and_si512(both, low);
    out.v[i + 4] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  }
}

/// (high & mask) | low
__m512i join(__m512i low, __m512i high, __m512i mask) { return _mm512_ternarylogic_epi32(low, high, mask, 0xf8); }

template <Quant Q>
void unpack(const std::uint8_t* from, Unpacked& out) {
  constexpr int bits = format_of(Q).bits;
  if constexpr (bits == 8) {
    for (int i = 0; i < kVectors; ++i) out.v[i] = load(from + i * kVector);
    return;
  }
  unpack_nibbles(from, out);
  if constexpr (bits == 5) {
    const __m512i high = load(from + 4 * kVector);
    const __m512i mask = all(0x10101010);
    for (int i = 0; i < 4; ++i) out.v[i] = join(out.v[i], _mm512_slli_epi16(high, 4 - i), mask);
    out.v[4] = join(out.v[4], high, mask);
    for (int i = 5; i < 8; ++i) out.v[i] = join(out.v[i], _mm512_srli_epi16(high, i - 4), mask);
  } else if constexpr (bits == 6) {
    const __m512i mask = all(0x30303030);
    for (int half = 0; half < 2; ++half) {
      __m512i* v = out.v + 4 * half;
      const __m512i high = load(from + (4 + half) * kVector);
      v[0] = join(v[0], _mm512_slli_epi16(high, 4), mask);
      v[1] = join(v[1], _mm512_slli_epi16(high, 2), mask);
      v[2] = join(v[2], high, mask);
      v[3] = join(v[3], _mm512_srli_epi16(high, 2), mask);
    }
  }
}

__m512 halves_at(const std::uint8_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
__m128i bytes_at(const std::uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }

/// A chunk's scales: one for all weights or one for each half, or one and the minimum.
struct Scales {
  __m512 first;
  __m512 second;
};
struct Supers {
  __m512 scale;
  __m512 minimum;
};

template <Quant Q>
Supers supers_at(const std::uint8_t* from) {
  Supers out{halves_at(from), _mm512_setzero_ps()};
  if constexpr (format_of(Q).minimums) out.minimum = halves_at(from + 2 * kGroup);
  return out;
}

template <Quant Q>
Scales scales_at(const std::uint8_t* from, const Supers& supers) {
  if constexpr (!format_of(Q).two_level) return {halves_at(from), _mm512_setzero_ps()};
  if constexpr (format_of(Q).minimums) {
    return {_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes_at(from))), supers.scale),
            _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes_at(from + kGroup))), supers.minimum)};
  }
  return {_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes_at(from))), supers.scale),
          _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes_at(from + kGroup))), supers.scale)};
}

template <int From, int To>
__m512i dot(__m512i sum, const Unpacked& w, const int* activations) {
  for (int i = From; i < To; ++i) sum = _mm512_dpbusd_epi32(sum, w.v[i], all(activations[i]));
  return sum;
}

/// Adds a chunk's part of one column. `numbers` are the column's three, `Width` apart.
template <Quant Q, int Width>
__m512 add_chunk(__m512 sum, const Unpacked& w, const Scales& scales, const int* activations, const float* numbers) {
  constexpr Format format = format_of(Q);
  const int* starts = reinterpret_cast<const int*>(numbers);
  const __m512 scale = _mm512_set1_ps(numbers[0]);
  if constexpr (format.halves) {
    const __m512i first = dot<0, 4>(all(starts[Width]), w, activations);
    const __m512i second = dot<4, 8>(all(starts[2 * Width]), w, activations);
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(first), scales.first);
    return _mm512_fmadd_ps(_mm512_fmadd_ps(_mm512_cvtepi32_ps(second), scales.second, scaled), scale, sum);
  }
  const __m512i start = format.minimums ? _mm512_setzero_si512() : all(starts[Width]);
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(dot<0, 8>(start, w, activations)), scales.first);
  sum = _mm512_fmadd_ps(scaled, scale, sum);
  if constexpr (format.minimums) sum = _mm512_fnmadd_ps(scales.second, _mm512_set1_ps(numbers[Width]), sum);
  return sum;
}

template <Quant Q, int Width>
void multiply_tile(const Tile& tile) {
  constexpr Format format = format_of(Q);
  constexpr std::size_t kPanelBytes = Panel::chunk_bytes(Width);
  __m512 sums[Width];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  Supers supers{};
  const std::uint8_t* weights = tile.weights;
  const std::uint8_t* panel = tile.panel;
#pragma clang loop unroll(disable)
  for (std::int64_t c = 0; c < tile.chunks; ++c) {
    if constexpr (format.two_level) {
      if (c % (kSuper / kChunk) == 0) supers = supers_at<Q>(tile.supers + c / (kSuper / kChunk) * format.super_bytes());
    }
    if constexpr (Width <= 4) {
      for (int i = 0; i < format.chunk_bytes(); i += kCacheLine) _mm_prefetch(weights + kAhead + i, _MM_HINT_T0);
    }
    Unpacked w;
    unpack<Q>(weights, w);
    const Scales scales = scales_at<Q>(tile.scales + c * kScaleBytes, supers);
    const auto* numbers = reinterpret_cast<const float*>(panel + Width * kChunk);
    for (int j = 0; j < Width; ++j) {
      sums[j] = add_chunk<Q, Width>(sums[j], w, scales, reinterpret_cast<const int*>(panel + j * kChunk), numbers + j);
    }
    weights += format.chunk_bytes();
    panel += kPanelBytes;
  }
  for (int j = 0; j < Width; ++j) {
    if (j < tile.used) _mm512_storeu_ps(tile.out + j * tile.out_stride, sums[j]);
  }
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
