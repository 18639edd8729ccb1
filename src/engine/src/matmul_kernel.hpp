// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Products of quantized weights and a few columns of activations, for CPUs. The weights of 16 rows lie side by side in
/// the order in which the dot-product instructions want them, at the bit width of the file, and are unpacked once for
/// up to 16 columns. Scales and minimums are the file's own numbers; only the activations are rounded, to 8 bits with a
/// scale for every 32.
namespace hearth::engine {

enum class Quant : std::uint8_t { q4_0, q5_0, q8_0, q4_k, q5_k, q6_k };
enum class Isa : std::uint8_t { none, avx2, avx512, amx };

constexpr int kGroup = 16;        // rows that lie side by side
constexpr int kChunk = 32;        // weights of a row between two scalings
constexpr int kPanelMax = 16;     // columns for which weights are unpacked once
constexpr int kVector = 64;       // bytes of 4 weights of 16 rows, unpacked
constexpr int kScaleBytes = 32;   // scales of a chunk: 16 float16, or 16 and 16 bytes
constexpr int kSuper = 256;       // weights of a row under one float16 scale, where scales have two levels
constexpr int kColumnBytes = 44;  // a column's chunk: 32 bytes, the scale, two numbers made of sums (see Panel)
constexpr int kCacheLine = 64;

/// What tells the formats apart.
struct Format {
  int block;        // weights in a block of the file
  int block_bytes;  // its size in the file
  int bits;         // of a weight
  int offset;       // subtracted from the unsigned weight
  bool two_level;   // byte scales for chunks under float16 scales for blocks
  bool minimums;    // blocks also have a minimum, and chunks a byte each
  bool halves;      // two byte scales a chunk, each for 16 weights

  constexpr int chunk_bytes() const { return bits * 2 * kChunk; }
  constexpr int super_bytes() const { return !two_level ? 0 : minimums ? 64 : 32; }
};
constexpr Format format_of(Quant quant) {
  switch (quant) {
    case Quant::q4_0: return {32, 18, 4, 8, false, false, false};
    case Quant::q5_0: return {32, 22, 5, 16, false, false, false};
    case Quant::q8_0: return {32, 34, 8, 128, false, false, false};
    case Quant::q4_k: return {256, 144, 4, 0, true, true, false};
    case Quant::q5_k: return {256, 176, 5, 0, true, true, false};
    case Quant::q6_k: return {256, 210, 6, 32, true, false, true};
  }
  __builtin_unreachable();
}

/// A weight matrix: `rows` rows of `depth` weights.
struct Matrix {
  Quant quant{};
  std::int64_t rows = 0;
  std::int64_t depth = 0;

  bool supported() const { return rows > 0 && depth > 0 && rows % kGroup == 0 && depth % format_of(quant).block == 0; }
  std::int64_t groups() const { return rows / kGroup; }
  std::int64_t chunks() const { return depth / kChunk; }
  std::size_t file_bytes() const;
  std::size_t packed_bytes() const { return static_cast<std::size_t>(groups()) * group_bytes(); }
  /// A group: all chunks' weights, then all chunks' scales, then the float16 scales of the second level.
  std::size_t group_bytes() const;
  std::size_t scales_at() const { return static_cast<std::size_t>(chunks()) * format_of(quant).chunk_bytes(); }
  std::size_t supers_at() const { return scales_at() + static_cast<std::size_t>(chunks()) * kScaleBytes; }
};

/// Packs blocks of the file, the first of which is block `first` of the matrix. Blocks may come in any order and on any
/// thread.
void pack(const Matrix& matrix, std::size_t first, std::span<const std::uint8_t> blocks, std::uint8_t* packed);

/// Columns that are multiplied together. For each chunk: `width` times 32 bytes, `width` scales, and twice `width`
/// numbers: the integers -offset * (sum of the bytes), of both halves where the format has halves, or as float
/// scale * (sum of the bytes) where it has minimums.
struct Panel {
  std::int64_t first = 0;  // column
  int used = 0;
  int width = 0;  // `used` rounded up to what there are kernels for
  std::size_t at = 0;

  static constexpr std::size_t chunk_bytes(int width) {
    return (static_cast<std::size_t>(width) * kColumnBytes + 31) / 32 * 32;
  }
};
constexpr int panel_width(std::int64_t columns) {
  constexpr int widths[] = {1, 2, 3, 4, 6, 8, 12};
  for (const int width : widths) {
    if (columns <= width) return width;
  }
  return kPanelMax;
}
Panel panel_of(const Matrix& matrix, std::int64_t columns, std::int64_t index);
constexpr std::int64_t panels_for(std::int64_t columns) { return (columns + kPanelMax - 1) / kPanelMax; }
std::size_t activations_bytes(const Matrix& matrix, std::int64_t columns);

/// weights (rows x depth) times activations (depth x columns).
struct Product {
  Matrix matrix;
  std::int64_t columns = 0;
  const float* in = nullptr;  // columns of `depth` numbers
  std::size_t in_stride = 0;  // in floats
  const std::uint8_t* packed = nullptr;
  std::uint8_t* activations = nullptr;  // activations_bytes(), at a cache line
  float* out = nullptr;                 // columns of `rows` numbers
  std::size_t out_stride = 0;
};

/// The best instruction set that this machine has and that there are kernels for.
Isa best_isa();
/// Bytes of scratch that a thread needs to multiply.
std::size_t scratch_bytes(const Product& product, Isa isa);
/// Thread `thread` of `threads` quantizes its share of the activations.
void quantize(const Product& product, int thread, int threads);
/// After all of them: writes the rows of groups [first, last).
void multiply(const Product& product, Isa isa, std::int64_t first, std::int64_t last, std::uint8_t* scratch);

}  // namespace hearth::engine
