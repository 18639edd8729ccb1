// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// Attention of a few queries over a scattered KV cache, for CPUs. ggml's kernel for few queries walks every cell of
/// the unified cache for every head and accumulates in half precision through memory; this one finds each query's cells
/// once, reads every key and value once for all heads that share it, and keeps the sums in registers (online softmax
/// over blocks, Milakov and Gimelshein 2018, arXiv:1805.02867).
namespace hearth::engine {

/// softmax(scale * q kᵀ + mask) v. Strides in bytes; keys, values and mask are float16, the rest is float32.
struct Attention {
  std::int64_t head_size = 0;  // multiple of kHeadStep, at most kHeadSizeMax
  std::int64_t queries = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides `heads`
  std::int64_t cells = 0;
  float scale = 1;
  const char* q = nullptr;  // [head][query][head_size]
  std::size_t q_query = 0, q_head = 0;
  const char* k = nullptr;  // [kv head][cell][head_size]
  std::size_t k_cell = 0, k_head = 0;
  const char* v = nullptr;
  std::size_t v_cell = 0, v_head = 0;
  const char* mask = nullptr;  // [query][cell]: 0, or -infinity for a cell that the query does not see
  std::size_t mask_query = 0;
  char* out = nullptr;  // [query][head][head_size]
  std::size_t out_query = 0, out_head = 0;

  /// The same for some of the queries.
  Attention of_queries(std::int64_t first, std::int64_t count) const {
    Attention part = *this;
    part.queries = count;
    part.q += first * q_query;
    part.mask += first * mask_query;
    part.out += first * out_query;
    return part;
  }

  static constexpr std::int64_t kHeadStep = 16;
  static constexpr std::int64_t kHeadSizeMax = 256;
  static constexpr std::uint16_t kHidden = 0xFC00;  // -infinity in the mask
};

/// One thread's scratch: which cells a query sees.
using CellList = std::vector<std::uint32_t>;

/// Floats of scratch that `threads` threads share between attend_share and join_shares.
std::size_t attention_scratch(const Attention& a, int threads);
/// Thread `thread` of `threads` takes its share of every query's cells. Threads need no order among them.
void attend_share(const Attention& a, float* scratch, CellList& cells, int thread, int threads);
/// After all shares are done: thread `thread` of `threads` writes its part of `out`.
void join_shares(const Attention& a, const float* scratch, int thread, int threads);

}  // namespace hearth::engine
