// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "matmul_kernel.hpp"

/// What the files of the instruction sets share.
namespace hearth::engine {

/// 16 rows times one panel.
struct Tile {
  std::int64_t chunks = 0;
  const std::uint8_t* weights = nullptr;  // the group's three parts
  const std::uint8_t* scales = nullptr;
  const std::uint8_t* supers = nullptr;
  const std::uint8_t* panel = nullptr;
  int used = 0;  // columns
  float* out = nullptr;
  std::size_t out_stride = 0;
};
using TileKernel = void (*)(const Tile&);

/// The kernel for panels of `width` columns.
TileKernel tile_kernel_avx512(Quant quant, int width);
TileKernel tile_kernel_avx2(Quant quant, int width);

Tile tile_of(const Product& product, std::int64_t group, const Panel& panel);

/// Whether the kernel gives this process the tile registers; asks once.
bool amx_permitted();
/// Whether tiles are the faster way. Not where a scale is for 16 weights: half the tile would stay empty.
bool amx_suits(const Product& product);
std::size_t amx_scratch_bytes(const Product& product);
void multiply_amx(const Product& product, std::int64_t first, std::int64_t last, std::uint8_t* scratch);

}  // namespace hearth::engine
