// SPDX-License-Identifier: Apache-2.0
// AMX multiplies 16 columns by 16 rows of 32 weights with one instruction. The rest of the work is to unpack weights,
// done once for all columns, and to scale each chunk's sums, which this file keeps to one pass through the registers
// while the tiles already multiply the next chunk.
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "matmul_tiles.hpp"
#include "matmul_unpack.hpp"

#pragma clang attribute push( \
    __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma"))), apply_to = function)

namespace hearth::engine {
namespace {

constexpr std::int64_t kColumnsMin = 8;         // up to here unpacking costs more than tiles save
constexpr int kStageChunks = 32;                // of a group, unpacked at a time: they stay in the L1
constexpr int kStageGroups = 8;                 // share a panel while that is in the L1
constexpr int kChunkWeights = kGroup * kChunk;  // bytes
constexpr int kLead = 4;                        // chunks that tiles are ahead of scaling
constexpr int kRing = 8;                        // chunks' sums that are kept: more than that

/// Whether tiles can read the weights as they are packed.
constexpr bool signed_bytes(Quant quant) { return format_of(quant).bits == 8; }

/// Part of a group, unpacked to signed bytes.
struct alignas(kCacheLine) Stage {
  std::int8_t weights[kStageChunks][kChunkWeights];
  float first[kStageChunks][kGroup];
  float second[kStageChunks][kGroup];
};

template <Quant Q>
void fill(Stage& stage, const Tile& tile, std::int64_t from, std::int64_t to) {
  constexpr Format format = format_of(Q);
  constexpr int kPerSuper = kSuper / kChunk;
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(format.offset));
  Supers supers{};
  for (std::int64_t c = from; c < to; ++c) {
    if constexpr (format.two_level) {
      if (c % kPerSuper == 0) supers = supers_at<Q>(tile.supers + c / kPerSuper * format.super_bytes());
    }
    const std::int64_t at = c - from;
    if constexpr (!signed_bytes(Q)) {
      Unpacked w;
      unpack<Q>(tile.weights + c * format.chunk_bytes(), w);
      for (int i = 0; i < kVectors; ++i) {
        const __m512i bytes = format.offset == 0 ? w.v[i] : _mm512_sub_epi8(w.v[i], offset);
        _mm512_store_si512(stage.weights[at] + i * kVector, bytes);
      }
    }
    const Scales scales = scales_at<Q>(tile.scales + c * kScaleBytes, supers);
    _mm512_store_ps(stage.first[at], scales.first);
    if constexpr (format.minimums) _mm512_store_ps(stage.second[at], scales.second);
  }
}

/// The tiles: 0 and 1 sums, 2 and 3 activations, 4 and 5 weights. ggml sets its tiles up once for each thread and
/// trusts that they stay so: what was there comes back in the end.
class TileShapes {
 public:
  TileShapes() { _tile_storeconfig(&before_); }
  ~TileShapes() { _tile_loadconfig(&before_); }
  TileShapes(const TileShapes&) = delete;
  TileShapes& operator=(const TileShapes&) = delete;

  void set(int columns) {
    if (columns == columns_) return;
    columns_ = columns;
    Config config{};
    config.palette = 1;
    for (int t = 0; t < 6; ++t) {
      config.rows[t] = static_cast<std::uint8_t>(t < 4 ? columns : kVectors);
      config.row_bytes[t] = t / 2 == 1 ? kChunk : kVector;
    }
    _tile_loadconfig(&config);
  }

 private:
  struct alignas(kCacheLine) Config {
    std::uint8_t palette;
    std::uint8_t start_row;
    std::uint8_t reserved[14];
    std::uint16_t row_bytes[16];
    std::uint8_t rows[16];
  };
  Config before_{};
  int columns_ = 0;
};

/// A chunk's sums: 16 rows for each column.
struct alignas(kCacheLine) Sums {
  std::int32_t at[kPanelMax * kGroup];
};

/// Multiplies a chunk. Neighbouring chunks take different tiles, so that neither waits for the other.
template <bool Odd>
void start(const std::uint8_t* activations, const void* weights, Sums& sums) {
  if constexpr (Odd) {
    _tile_zero(1);
    _tile_loadd(3, activations, kChunk);
    _tile_loadd(5, weights, kVector);
    _tile_dpbssd(1, 3, 5);
    _tile_stored(1, sums.at, kVector);
  } else {
    _tile_zero(0);
    _tile_loadd(2, activations, kChunk);
    _tile_loadd(4, weights, kVector);
    _tile_dpbssd(0, 2, 4);
    _tile_stored(0, sums.at, kVector);
  }
}

/// Adds a chunk's sums, scaled, to `out`. `numbers` are the panel's.
template <Quant Q, int Width>
void scale(__m512* out, const Sums& sums, const float* first, const float* second, const float* numbers) {
  const __m512 scales = _mm512_load_ps(first);
  for (int j = 0; j < Width; ++j) {
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums.at + j * kGroup)), scales);
    out[j] = _mm512_fmadd_ps(scaled, _mm512_set1_ps(numbers[j]), out[j]);
    if constexpr (format_of(Q).minimums) {
      out[j] = _mm512_fnmadd_ps(_mm512_load_ps(second), _mm512_set1_ps(numbers[Width + j]), out[j]);
    }
  }
}

/// The staged chunks, which are `chunks` from `from` on, times a panel; added to what `tile.out` has unless they are
/// the first. Meanwhile fetches the weights that are `ahead` bytes further on, if that is not 0.
template <Quant Q, int Width>
void multiply_stage(const Stage& stage, const Tile& tile, std::int64_t from, int chunks, std::size_t ahead) {
  constexpr std::size_t kBytes = Panel::chunk_bytes(Width);
  constexpr std::size_t kPacked = format_of(Q).chunk_bytes();
  const std::uint8_t* panel = tile.panel + from * kBytes;
  const std::uint8_t* packed = tile.weights + from * kPacked;
  __m512 out[Width];
  for (int j = 0; j < Width; ++j) {
    out[j] = from == 0 || j >= tile.used ? _mm512_setzero_ps() : _mm512_loadu_ps(tile.out + j * tile.out_stride);
  }
  Sums sums[kRing];
  const auto begin = [&]<bool Odd>(int c) {
    if (c >= chunks) return;
    const void* weights = stage.weights[c];
    if constexpr (signed_bytes(Q)) weights = packed + c * kPacked;
    start<Odd>(panel + c * kBytes, weights, sums[c % kRing]);
  };
  const auto finish = [&](int c) {
    if (c >= chunks) return;
    if (ahead != 0) fetch<Q>(packed + c * kPacked + ahead);
    const auto* numbers = reinterpret_cast<const float*>(panel + c * kBytes + Width * kChunk);
    scale<Q, Width>(out, sums[c % kRing], stage.first[c], stage.second[c], numbers);
  };
  for (int c = 0; c < kLead; c += 2) {
    begin.template operator()<false>(c);
    begin.template operator()<true>(c + 1);
  }
#pragma clang loop unroll(disable)
  for (int c = 0; c < chunks; c += 2) {
    begin.template operator()<false>(c + kLead);
    finish(c);
    begin.template operator()<true>(c + 1 + kLead);
    finish(c + 1);
  }
  for (int j = 0; j < Width; ++j) {
    if (j < tile.used) _mm512_storeu_ps(tile.out + j * tile.out_stride, out[j]);
  }
}

using StageKernel = void (*)(const Stage&, const Tile&, std::int64_t, int, std::size_t);

template <Quant Q>
StageKernel kernel_of(int width) {
  switch (width) {
    case 1: return multiply_stage<Q, 1>;
    case 2: return multiply_stage<Q, 2>;
    case 3: return multiply_stage<Q, 3>;
    case 4: return multiply_stage<Q, 4>;
    case 6: return multiply_stage<Q, 6>;
    case 8: return multiply_stage<Q, 8>;
    case 12: return multiply_stage<Q, 12>;
    default: return multiply_stage<Q, kPanelMax>;
  }
}

template <Quant Q>
void multiply_groups(const Product& product, std::int64_t first, std::int64_t last, Stage* stages) {
  const Matrix& matrix = product.matrix;
  const std::int64_t panels = panels_for(product.columns);
  const std::size_t ahead = (last - first) * matrix.group_bytes();
  TileShapes shapes;
  for (std::int64_t c = 0; c < matrix.chunks(); c += kStageChunks) {
    const std::int64_t end = std::min<std::int64_t>(c + kStageChunks, matrix.chunks());
    for (std::int64_t g = first; g < last; ++g) {
      fill<Q>(stages[g - first], tile_of(product, g, panel_of(matrix, product.columns, 0)), c, end);
    }
    for (std::int64_t p = 0; p < panels; ++p) {
      const Panel panel = panel_of(matrix, product.columns, p);
      const StageKernel kernel = kernel_of<Q>(panel.width);
      shapes.set(panel.width);
      for (std::int64_t g = first; g < last; ++g) {
        kernel(stages[g - first], tile_of(product, g, panel), c, static_cast<int>(end - c), p == 0 ? ahead : 0);
      }
    }
  }
}

using GroupsKernel = void (*)(const Product&, std::int64_t, std::int64_t, Stage*);
GroupsKernel groups_kernel(Quant quant) {
  switch (quant) {
    case Quant::q4_0: return multiply_groups<Quant::q4_0>;
    case Quant::q5_0: return multiply_groups<Quant::q5_0>;
    case Quant::q8_0: return multiply_groups<Quant::q8_0>;
    case Quant::q4_k: return multiply_groups<Quant::q4_k>;
    case Quant::q5_k: return multiply_groups<Quant::q5_k>;
    default: return nullptr;
  }
}

}  // namespace

bool amx_permitted() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;
  return __builtin_cpu_supports("amx-int8") && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool amx_suits(const Product& product) {
  return product.columns > kColumnsMin && !format_of(product.matrix.quant).halves;
}

std::size_t amx_scratch_bytes(const Product& product) {
  return (product.columns <= kPanelMax ? 1 : kStageGroups) * sizeof(Stage);
}

void multiply_amx(const Product& product, std::int64_t first, std::int64_t last, std::uint8_t* scratch) {
  const std::int64_t together = product.columns <= kPanelMax ? 1 : kStageGroups;
  const GroupsKernel kernel = groups_kernel(product.matrix.quant);
  for (std::int64_t g = first; g < last; g += together) {
    kernel(product, g, std::min(g + together, last), reinterpret_cast<Stage*>(scratch));
  }
}

}  // namespace hearth::engine

#pragma clang attribute pop
