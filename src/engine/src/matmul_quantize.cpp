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

int sum_across(__m256i x) {
  const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  const __m128i pair = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32(pair, 0xb1)));
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
  const float scale = peak / 127.0F;
  const __m256 inverse = _mm256_set1_ps(peak > 0 ? 127.0F / peak : 0.0F);
  __m256i q[4];
  for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(x[i], inverse));
  const int first = sum_across(_mm256_add_epi32(q[0], q[1]));
  const int second = sum_across(_mm256_add_epi32(q[2], q[3]));
  // Packing works within halves of a register; the permutation puts the 4-byte words back in order.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.bytes), ordered);
  *to.scale = scale;
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

}  // namespace

void quantize(const Product& product, int thread, int threads) {
  const Matrix& matrix = product.matrix;
  const Format format = format_of(matrix.quant);
  const std::int64_t chunks = matrix.chunks();
  const std::int64_t all = chunks * panels_for(product.columns);
  for (std::int64_t i = all * thread / threads, last = all * (thread + 1) / threads; i < last; ++i) {
    const Panel panel = panel_of(matrix, product.columns, i / chunks);
    const std::int64_t chunk = i % chunks;
    std::uint8_t* at = product.activations + panel.at + chunk * Panel::chunk_bytes(panel.width);
    const float* from = product.in + panel.first * product.in_stride + chunk * kChunk;
    for (int c = 0; c < panel.used; ++c) {
      quantize_chunk(format, from + c * product.in_stride, slot_of(at, panel.width, c));
    }
    for (int c = panel.used; c < panel.width; ++c) clear(slot_of(at, panel.width, c));
  }
}

}  // namespace hearth::engine

#pragma clang attribute pop
