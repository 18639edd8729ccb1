// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

/// FNV-1a, 64 bits: against damage, not against malice.
constexpr std::uint64_t checksum(std::string_view bytes) noexcept {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

/// XXH3 (Collet), 64 bits: of texts of any length, quickly. Collisions can be made up by who knows the seed.
std::uint64_t hash_of(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// The finalizer of MurmurHash3 (Appleby, public domain), its first half: every bit of `x` moves many of the result.
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDULL;
  return x ^ (x >> 33);
}

}  // namespace hearth
