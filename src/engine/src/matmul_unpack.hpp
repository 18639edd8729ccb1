// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include "matmul_kernel.hpp"

/// Packed weights to bytes and scales, for the files that have AVX-512.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma"))), \
                             apply_to = function)

namespace hearth::engine {
namespace {

constexpr int kVectors = kChunk / 4;

__m512i load(const std::uint8_t* from) { return _mm512_loadu_si512(from); }
__m512i all(int x) { return _mm512_set1_epi32(x); }

/// Has a chunk's weights come to the L2. Nothing happens where no memory is.
template <Quant Q>
void fetch(const std::uint8_t* from) {
  for (int i = 0; i < format_of(Q).chunk_bytes(); i += kCacheLine) _mm_prefetch(from + i, _MM_HINT_T1);
}

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
    const __m512i sign = _mm512_set1_epi8(-128);
    for (int i = 0; i < kVectors; ++i) out.v[i] = _mm512_xor_si512(load(from + i * kVector), sign);
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

}  // namespace
}  // namespace hearth::engine

#pragma clang attribute pop
