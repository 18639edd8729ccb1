// SPDX-License-Identifier: Apache-2.0
// Activations to 8 bits. Machines without AVX2 have no kernels, so this needs no other version.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "matmul_kernel.hpp"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

namespace hearth::engine {
namespace {

/// Where a column's numbers of one chunk go.
struct Slot {
  std::uint8_t* bytes;
  float* scale;
  std::uint8_t* first;
  std::uint8_t* second;
};
Slot slot_of(std::uint8_t* chunk, int width, int column) {
  std::uint8_t* numbers = chunk + static_cast<std::size_t>(width) * kChunk + column * sizeof(float);
  const std::size_t row = width * sizeof(float);
  return {chunk + static_cast<std::size_t>(column) * kChunk, reinterpret_cast<float*>(numbers), numbers + row,
          numbers + 2 * row};
}

float largest_across(__m256 x) {
  const __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
}

void quantize_chunk(const Format& format, const float* from, const Slot& to) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  __m256 x[4];
  __m256 top = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_loadu_ps(from + 8 * i);
    top = _mm256_max_ps(top, _mm256_andnot_ps(sign, x[i]));
  }
  const float peak = largest_across(top);
  const __m256 inverse = _mm256_set1_ps(peak > 0 ? 127.0F / peak : 0.0F);
  __m256i q[4];
  for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(x[i], inverse));
  // Packing works within halves of a register; the permutation puts the 4-byte words back in order.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.bytes), ordered);
  const float scale = peak * (1.0F / 127.0F);
  *to.scale = scale;
  // Sums of 8 bytes each, made unsigned.
  const __m256i sums = _mm256_sad_epu8(_mm256_xor_si256(ordered, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
  const __m128i low = _mm256_castsi256_si128(sums);
  const __m128i high = _mm256_extracti128_si256(sums, 1);
  const int first = _mm_cvtsi128_si32(low) + _mm_extract_epi32(low, 2) - 128 * kChunk / 2;
  const int second = _mm_cvtsi128_si32(high) + _mm_extract_epi32(high, 2) - 128 * kChunk / 2;
  if (format.minimums) {
    const float sum = scale * static_cast<float>(first + second);
    std::memcpy(to.first, &sum, sizeof sum);
    return;
  }
  const int starts[2] = {-format.offset * (format.halves ? first : first + second), -format.offset * second};
  std::memcpy(to.first, &starts[0], sizeof starts[0]);
  std::memcpy(to.second, &starts[1], sizeof starts[1]);
}

void clear(const Slot& slot) {
  std::memset(slot.bytes, 0, kChunk);
  std::memset(slot.scale, 0, sizeof(float));
  std::memset(slot.first, 0, sizeof(float));
  std::memset(slot.second, 0, sizeof(float));
}

/// Chunks [from, to) of a panel.
void quantize_panel(const Product& product, const Panel& panel, std::int64_t from, std::int64_t to) {
  const Format format = format_of(product.matrix.quant);
  const float* in = product.in + panel.first * product.in_stride;
  std::uint8_t* at = product.activations + panel.at;
  for (std::int64_t chunk = from; chunk < to; ++chunk) {
    std::uint8_t* out = at + chunk * Panel::chunk_bytes(panel.width);
    for (int c = 0; c < panel.used; ++c) {
      quantize_chunk(format, in + c * product.in_stride + chunk * kChunk, slot_of(out, panel.width, c));
    }
    for (int c = panel.used; c < panel.width; ++c) clear(slot_of(out, panel.width, c));
  }
}

}  // namespace

void quantize(const Product& product, int thread, int threads) {
  const std::int64_t chunks = product.matrix.chunks();
  const std::int64_t all = chunks * panels_for(product.columns);
  const std::int64_t last = all * (thread + 1) / threads;
  for (std::int64_t at = all * thread / threads; at < last;) {
    const std::int64_t p = at / chunks;
    const std::int64_t end = std::min(last, (p + 1) * chunks);
    quantize_panel(product, panel_of(product.matrix, product.columns, p), at - p * chunks, end - p * chunks);
    at = end;
  }
}

}  // namespace hearth::engine

#pragma clang attribute pop
