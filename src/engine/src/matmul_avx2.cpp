// SPDX-License-Identifier: Apache-2.0
// The same walk as with AVX-512, for 8 of the 16 rows at a time. vpmaddubsw adds pairs of products in 16 bits; as many
// of those are added up before they are widened as cannot overflow.
#include <immintrin.h>

#include <utility>

#include "matmul_tiles.hpp"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

namespace hearth::engine {
namespace {

constexpr int kVectors = kChunk / 4;
constexpr int kRows = kGroup / 2;
constexpr int kHalfVector = kVector / 2;
constexpr int kAhead = 4096;  // bytes between what is read and what is fetched

__m256i load(const std::uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

/// Vector `I` of a chunk: bytes, unsigned unless they have 8 bits.
template <Quant Q, int I>
__m256i unpack(const std::uint8_t* from) {
  constexpr int bits = format_of(Q).bits;
  if constexpr (bits == 8) return load(from + I * kVector);
  const __m256i both = load(from + I % 4 * kVector);
  const __m256i nibbles = _mm256_and_si256(I < 4 ? both : _mm256_srli_epi16(both, 4), _mm256_set1_epi8(15));
  if constexpr (bits == 5) {
    const __m256i high = load(from + 4 * kVector);
    const __m256i moved = I < 4 ? _mm256_slli_epi16(high, 4 - I % 4) : _mm256_srli_epi16(high, I % 4);
    return _mm256_or_si256(nibbles, _mm256_and_si256(moved, _mm256_set1_epi8(16)));
  }
  if constexpr (bits == 6) {
    const __m256i high = load(from + (4 + I / 4) * kVector);
    constexpr int left = 4 - I % 4 * 2;
    const __m256i moved = left >= 0 ? _mm256_slli_epi16(high, left & 7) : _mm256_srli_epi16(high, -left & 7);
    return _mm256_or_si256(nibbles, _mm256_and_si256(moved, _mm256_set1_epi8(48)));
  }
  return nibbles;
}

__m256 halves_at(const std::uint8_t* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
template <bool Signed>
__m256 bytes_at(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return _mm256_cvtepi32_ps(Signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
}

/// As with AVX-512: one scale or one for each half, or one and the minimum.
struct Scales {
  __m256 first;
  __m256 second;
};

template <Quant Q>
Scales supers_at(const std::uint8_t* from) {
  return {halves_at(from), format_of(Q).minimums ? halves_at(from + 2 * kGroup) : _mm256_setzero_ps()};
}
template <Quant Q>
Scales scales_at(const std::uint8_t* from, const std::uint8_t* row, const Scales& supers) {
  constexpr Format format = format_of(Q);
  if constexpr (!format.two_level) return {halves_at(row), _mm256_setzero_ps()};
  return {_mm256_mul_ps(bytes_at<format.halves>(from), supers.first),
          _mm256_mul_ps(bytes_at<format.halves>(from + kGroup), format.minimums ? supers.second : supers.first)};
}

__m256i widen(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

/// Adds vectors [From, To) times the activations of `Count` columns to `dots`.
template <Quant Q, int From, int To, int Count>
void dot(__m256i* dots, const std::uint8_t* weights, const int* activations) {
  constexpr int bits = format_of(Q).bits;
  constexpr int kSafe = bits == 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;  // vectors whose pairs fit into 16 bits
  constexpr int kTo = From + kSafe < To ? From + kSafe : To;
  __m256i pairs[Count];
  const auto add = [&]<int I>() {
    const __m256i w = unpack<Q, I>(weights);
    for (int j = 0; j < Count; ++j) {
      const __m256i a = _mm256_set1_epi32(activations[j * kVectors + I]);
      // Bytes of 8 bits: the weight's sign goes to the activation, which is never -128.
      const __m256i products =
          bits == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w)) : _mm256_maddubs_epi16(w, a);
      pairs[j] = I == From ? products : _mm256_add_epi16(pairs[j], products);
    }
  };
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (add.template operator()<From + I>(), ...);
  }(std::make_integer_sequence<int, kTo - From>{});
  for (int j = 0; j < Count; ++j) dots[j] = _mm256_add_epi32(dots[j], widen(pairs[j]));
  if constexpr (kTo < To) dot<Q, kTo, To, Count>(dots, weights, activations);
}

/// Adds a chunk's part of `Count` columns; see matmul_avx512.cpp.
template <Quant Q, int Width, int Count>
void add_chunk(__m256* sums, const std::uint8_t* weights, const Scales& scales, const int* activations,
               const float* numbers) {
  constexpr Format format = format_of(Q);
  constexpr bool kStarts = !format.minimums && format.bits != 8;
  const int* starts = reinterpret_cast<const int*>(numbers) + Width;
  __m256i dots[Count];
  for (int j = 0; j < Count; ++j) dots[j] = kStarts ? _mm256_set1_epi32(starts[j]) : _mm256_setzero_si256();
  dot<Q, 0, format.halves ? kVectors / 2 : kVectors, Count>(dots, weights, activations);
  __m256 scaled[Count];
  for (int j = 0; j < Count; ++j) scaled[j] = _mm256_mul_ps(_mm256_cvtepi32_ps(dots[j]), scales.first);
  if constexpr (format.halves) {
    for (int j = 0; j < Count; ++j) dots[j] = _mm256_set1_epi32(starts[Width + j]);
    dot<Q, kVectors / 2, kVectors, Count>(dots, weights, activations);
    for (int j = 0; j < Count; ++j) scaled[j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[j]), scales.second, scaled[j]);
  }
  for (int j = 0; j < Count; ++j) {
    sums[j] = _mm256_fmadd_ps(scaled[j], _mm256_set1_ps(numbers[j]), sums[j]);
    if constexpr (format.minimums) {
      sums[j] = _mm256_fnmadd_ps(scales.second, _mm256_set1_ps(numbers[Width + j]), sums[j]);
    }
  }
}

/// `Count` columns from `first` on, for the upper or lower 8 rows.
template <Quant Q, int Width, int Count>
void multiply_half(const Tile& tile, int first, int half) {
  constexpr Format format = format_of(Q);
  constexpr int kPerSuper = kSuper / kChunk;
  __m256 sums[Count];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  Scales supers{};
  const std::uint8_t* weights = tile.weights + half * kHalfVector;
  const auto* activations = reinterpret_cast<const int*>(tile.panel) + first * kVectors;
  const auto* numbers = reinterpret_cast<const float*>(tile.panel + Width * kChunk) + first;
#pragma clang loop unroll(disable)
  for (std::int64_t c = 0; c < tile.chunks; ++c) {
    if constexpr (format.two_level) {
      if (c % kPerSuper == 0) {
        supers = supers_at<Q>(tile.supers + c / kPerSuper * format.super_bytes() + half * 2 * kRows);
      }
    }
    if (first == 0 && half == 0) {
      for (int i = 0; i < format.chunk_bytes(); i += kCacheLine) _mm_prefetch(weights + kAhead + i, _MM_HINT_T1);
    }
    const std::uint8_t* at = tile.scales + c * kScaleBytes;
    const Scales scales = scales_at<Q>(at + half * kRows, at + half * 2 * kRows, supers);
    add_chunk<Q, Width, Count>(sums, weights, scales, activations, numbers);
    weights += format.chunk_bytes();
    activations += Panel::chunk_bytes(Width) / sizeof(int);
    numbers += Panel::chunk_bytes(Width) / sizeof(float);
  }
  for (int j = 0; j < Count; ++j) {
    float* out = tile.out + (first + j) * tile.out_stride + half * kRows;
    if (first + j < tile.used) _mm256_storeu_ps(out, sums[j]);
  }
}

template <Quant Q, int Width>
void multiply_tile(const Tile& tile) {
  constexpr int kCount = Width < 4 ? Width : Width % 4 == 0 ? 4 : 3;
  for (int first = 0; first < tile.used; first += kCount) {
    for (int half = 0; half < 2; ++half) multiply_half<Q, Width, kCount>(tile, first, half);
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

TileKernel tile_kernel_avx2(Quant quant, int width) {
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
