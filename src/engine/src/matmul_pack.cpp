// SPDX-License-Identifier: Apache-2.0
// Reads blocks as they lie in GGUF files and spreads their weights over the packed rows.
#include <array>
#include <cstring>

#include "matmul_kernel.hpp"

namespace hearth::engine {
namespace {

/// A chunk as 8 words of 4 unsigned weights.
using Words = std::array<std::uint32_t, kChunk / 4>;

std::uint32_t word(const std::uint8_t* from) {
  std::uint32_t out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
void put(std::uint8_t* to, std::uint32_t value) { std::memcpy(to, &value, sizeof value); }

constexpr std::uint32_t every_byte(std::uint32_t byte) { return byte * 0x01010101U; }

/// Bit 0 of each byte from 4 neighbouring bits.
constexpr std::uint32_t spread(std::uint32_t bits) { return ((bits & 15U) * 0x00204081U) & every_byte(1); }

/// The layout of nibbles in the 32-weight formats: the first half low, the second half high.
Words read_nibbles(const std::uint8_t* nibbles) {
  Words out;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t both = word(nibbles + 4 * i);
    out[i] = both & every_byte(15);
    out[i + 4] = (both >> 4) & every_byte(15);
  }
  return out;
}

/// Where one row of a group lies.
class Row {
 public:
  Row(const Matrix& matrix, std::uint8_t* packed, std::size_t row)
      : format_{format_of(matrix.quant)},
        lane_{row % kGroup},
        weights_{packed + row / kGroup * matrix.group_bytes()},
        scales_{weights_ + matrix.scales_at()},
        supers_{weights_ + matrix.supers_at()} {}

  void put_weights(std::size_t chunk, const Words& w) const {
    std::uint8_t* at = weights_ + chunk * format_.chunk_bytes() + 4 * lane_;
    if (format_.bits == 8) {
      for (int i = 0; i < 8; ++i) put(at + i * kVector, w[i]);
      return;
    }
    for (int i = 0; i < 4; ++i) {
      put(at + i * kVector, (w[i] & every_byte(15)) | (w[i + 4] & every_byte(15)) << 4);
    }
    std::uint8_t* high = at + 4 * kVector;
    if (format_.bits == 5) {
      std::uint32_t bits = 0;
      for (int i = 0; i < 8; ++i) bits |= ((w[i] >> 4) & every_byte(1)) << i;
      put(high, bits);
    } else if (format_.bits == 6) {
      for (int half = 0; half < 2; ++half) {
        std::uint32_t bits = 0;
        for (int i = 0; i < 4; ++i) bits |= ((w[half * 4 + i] >> 4) & every_byte(3)) << 2 * i;
        put(high + half * kVector, bits);
      }
    }
  }
  void put_scale(std::size_t chunk, const std::uint8_t* half) const {
    std::memcpy(scales_ + chunk * kScaleBytes + 2 * lane_, half, 2);
  }
  void put_scales(std::size_t chunk, std::uint8_t first, std::uint8_t second) const {
    std::uint8_t* at = scales_ + chunk * kScaleBytes + lane_;
    at[0] = first;
    at[kGroup] = second;
  }
  void put_super(std::size_t block, int which, const std::uint8_t* half) const {
    std::memcpy(supers_ + block * format_.super_bytes() + which * 2 * kGroup + 2 * lane_, half, 2);
  }

 private:
  Format format_;
  std::size_t lane_;
  std::uint8_t* weights_;
  std::uint8_t* scales_;
  std::uint8_t* supers_;
};

void pack_q4_0(const Row& row, std::size_t block, const std::uint8_t* from) {
  row.put_scale(block, from);
  row.put_weights(block, read_nibbles(from + 2));
}

void pack_q5_0(const Row& row, std::size_t block, const std::uint8_t* from) {
  Words w = read_nibbles(from + 6);
  const std::uint32_t high = word(from + 2);
  for (int i = 0; i < 8; ++i) w[i] |= spread(high >> 4 * i) << 4;
  row.put_scale(block, from);
  row.put_weights(block, w);
}

void pack_q8_0(const Row& row, std::size_t block, const std::uint8_t* from) {
  Words w;
  for (int i = 0; i < 8; ++i) w[i] = word(from + 2 + 4 * i);  // signed still
  row.put_scale(block, from);
  row.put_weights(block, w);
}

/// Eight scales and eight minimums of 6 bits in 12 bytes.
std::array<std::uint8_t, 16> read_scales(const std::uint8_t* from) {
  std::array<std::uint8_t, 16> out;
  for (int i = 0; i < 4; ++i) {
    out[i] = from[i] & 63;
    out[8 + i] = from[4 + i] & 63;
    out[4 + i] = static_cast<std::uint8_t>((from[8 + i] & 15) | from[i] >> 6 << 4);
    out[12 + i] = static_cast<std::uint8_t>(from[8 + i] >> 4 | from[4 + i] >> 6 << 4);
  }
  return out;
}

void pack_k_with_minimums(const Row& row, std::size_t block, const std::uint8_t* from, bool fifth_bit) {
  row.put_super(block, 0, from);
  row.put_super(block, 1, from + 2);
  const auto scales = read_scales(from + 4);
  const std::uint8_t* high = from + 16;
  const std::uint8_t* low = fifth_bit ? high + kChunk : high;
  for (int chunk = 0; chunk < kSuper / kChunk; ++chunk) {
    Words w;
    for (int i = 0; i < 8; ++i) {
      w[i] = (word(low + chunk / 2 * kChunk + 4 * i) >> chunk % 2 * 4) & every_byte(15);
      if (fifth_bit) w[i] |= ((word(high + 4 * i) >> chunk) & every_byte(1)) << 4;
    }
    const std::size_t at = block * (kSuper / kChunk) + chunk;
    row.put_scales(at, scales[chunk], scales[8 + chunk]);
    row.put_weights(at, w);
  }
}

void pack_q6_k(const Row& row, std::size_t block, const std::uint8_t* from) {
  const std::uint8_t* high = from + 128;
  const std::uint8_t* scales = high + 64;
  row.put_super(block, 0, scales + 16);
  for (int chunk = 0; chunk < kSuper / kChunk; ++chunk) {
    const int half = chunk / 4;  // of the block: 64 bytes of nibbles and 32 of high bits each
    const int quarter = chunk % 4;
    Words w;
    for (int i = 0; i < 8; ++i) {
      const std::uint32_t low = word(from + half * 64 + quarter % 2 * 32 + 4 * i) >> quarter / 2 * 4;
      const std::uint32_t top = word(high + half * 32 + 4 * i) >> quarter * 2;
      w[i] = (low & every_byte(15)) | (top & every_byte(3)) << 4;
    }
    const std::size_t at = block * (kSuper / kChunk) + chunk;
    row.put_scales(at, scales[2 * chunk], scales[2 * chunk + 1]);
    row.put_weights(at, w);
  }
}

void pack_block(Quant quant, const Row& row, std::size_t block, const std::uint8_t* from) {
  switch (quant) {
    case Quant::q4_0: return pack_q4_0(row, block, from);
    case Quant::q5_0: return pack_q5_0(row, block, from);
    case Quant::q8_0: return pack_q8_0(row, block, from);
    case Quant::q4_k: return pack_k_with_minimums(row, block, from, false);
    case Quant::q5_k: return pack_k_with_minimums(row, block, from, true);
    case Quant::q6_k: return pack_q6_k(row, block, from);
  }
}

}  // namespace

void pack(const Matrix& matrix, std::size_t first, std::span<const std::uint8_t> blocks, std::uint8_t* packed) {
  const Format format = format_of(matrix.quant);
  const auto per_row = static_cast<std::size_t>(matrix.depth / format.block);
  const std::size_t count = blocks.size() / format.block_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t block = first + i;
    const Row row{matrix, packed, block / per_row};
    pack_block(matrix.quant, row, block % per_row, blocks.data() + i * format.block_bytes);
  }
}

}  // namespace hearth::engine
