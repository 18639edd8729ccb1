// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

/// Vectors of 16 floats, which become whatever the instruction set has that the attention kernels are compiled for
/// (all of them for the same one, see CMakeLists.txt).
namespace hearth::engine::vectors {

constexpr int kLanes = 16;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
using Halves = _Float16 __attribute__((vector_size(kLanes * sizeof(_Float16))));
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

inline Floats load(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
inline Floats widen(const char* from) {
  Halves out;
  std::memcpy(&out, from, sizeof out);
  return __builtin_convertvector(out, Floats);
}
inline Floats all(float x) { return Floats{} + x; }

template <class Combine>
inline float across(Floats x, Combine combine) {
  const auto half = combine(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
                            __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
  const auto quarter =
      combine(__builtin_shufflevector(half, half, 0, 1, 2, 3), __builtin_shufflevector(half, half, 4, 5, 6, 7));
  const auto pair =
      combine(__builtin_shufflevector(quarter, quarter, 0, 1), __builtin_shufflevector(quarter, quarter, 2, 3));
  return combine(pair, __builtin_shufflevector(pair, pair, 1, 0))[0];
}
inline float sum(Floats x) {
  return across(x, [](auto a, auto b) { return a + b; });
}
inline float largest(Floats x) {
  return across(x, [](auto a, auto b) { return a > b ? a : b; });
}

/// e^x for x <= 0, within 2 units in the last place (Cephes' expf); below -87 it is as good as 0.
inline Floats exponential(Floats x) {
  const Floats low = all(-87.0F);
  x = x > low ? x : low;
  const Floats magic = all(12582912.0F);  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const Floats shifted = x * 1.44269504F + magic;
  const Floats n = shifted - magic;
  const Floats r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  Ints exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent - std::bit_cast<std::int32_t>(12582912.0F) + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  return p * scale;
}

}  // namespace hearth::engine::vectors
