// SPDX-License-Identifier: Apache-2.0
#include "matmul_kernel.hpp"

#include <algorithm>

#include "matmul_tiles.hpp"

namespace hearth::engine {
namespace {

constexpr std::size_t kCacheShare = std::size_t{512} << 10;  // packed weights kept in the L2 while panels pass by

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

}  // namespace

std::size_t Matrix::file_bytes() const {
  const Format format = format_of(quant);
  return static_cast<std::size_t>(rows * (depth / format.block)) * format.block_bytes;
}

std::size_t Matrix::group_bytes() const {
  const std::int64_t supers = depth / kSuper;
  return round_up(supers_at() + static_cast<std::size_t>(supers) * format_of(quant).super_bytes(), kCacheLine);
}

Panel panel_of(const Matrix& matrix, std::int64_t columns, std::int64_t index) {
  const std::int64_t first = index * kPanelMax;
  const auto used = static_cast<int>(std::min<std::int64_t>(kPanelMax, columns - first));
  const std::size_t full = Panel::chunk_bytes(kPanelMax) * matrix.chunks();
  return {.first = first, .used = used, .width = panel_width(used), .at = full * index};
}

std::size_t activations_bytes(const Matrix& matrix, std::int64_t columns) {
  const Panel last = panel_of(matrix, columns, panels_for(columns) - 1);
  return round_up(last.at + Panel::chunk_bytes(last.width) * matrix.chunks(), kCacheLine);
}

Tile tile_of(const Product& product, std::int64_t group, const Panel& panel) {
  const Matrix& matrix = product.matrix;
  const std::uint8_t* weights = product.packed + group * matrix.group_bytes();
  return {.chunks = matrix.chunks(),
          .weights = weights,
          .scales = weights + matrix.scales_at(),
          .supers = weights + matrix.supers_at(),
          .panel = product.activations + panel.at,
          .used = panel.used,
          .out = product.out + panel.first * product.out_stride + group * kGroup,
          .out_stride = product.out_stride};
}

Isa best_isa() {
  static const Isa isa = [] {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
      return Isa::none;
    }
    const bool vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    if (!vnni) return Isa::avx2;
    return amx_permitted() ? Isa::amx : Isa::avx512;
  }();
  return isa;
}

std::size_t scratch_bytes(const Product& product, Isa isa) {
  return isa == Isa::amx && amx_suits(product) ? amx_scratch_bytes(product) : 0;
}

void multiply(const Product& product, Isa isa, std::int64_t first, std::int64_t last, std::uint8_t* scratch) {
  if (isa == Isa::amx && amx_suits(product)) return multiply_amx(product, first, last, scratch);
  const Quant quant = product.matrix.quant;
  const std::int64_t panels = panels_for(product.columns);
  const auto block = static_cast<std::int64_t>(std::max<std::size_t>(1, kCacheShare / product.matrix.group_bytes()));
  for (std::int64_t from = first; from < last; from += block) {
    const std::int64_t to = std::min(from + block, last);
    for (std::int64_t p = 0; p < panels; ++p) {
      const Panel panel = panel_of(product.matrix, product.columns, p);
      const TileKernel kernel =
          isa == Isa::avx2 ? tile_kernel_avx2(quant, panel.width) : tile_kernel_avx512(quant, panel.width);
      for (std::int64_t group = from; group < to; ++group) kernel(tile_of(product, group, panel));
    }
  }
}

}  // namespace hearth::engine
