// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "attention_kernel.hpp"

namespace hearth::engine {

/// Attention of a prompt's queries, which stand in runs that see nearly the same cells: the cells of a run are gathered
/// in blocks, once for all its queries and all the heads that share them, and multiplied as matrices in registers
/// (FlashAttention-2's order of loops, Dao 2023, arXiv:2307.08691; float32 throughout). One thread's part and its
/// memory.
class PromptAttention {
 public:
  /// Finds the runs. True when they are long enough that this is the faster way.
  bool suits(const Attention& a);
  /// After suits(): thread `thread` of `threads` writes its part of `out`. Threads need no order among them.
  void attend(const Attention& a, int thread, int threads);

  static constexpr std::int64_t kRunMin = 8;  // queries of the average run

 private:
  struct Run {
    std::int64_t first;
    std::int64_t count;
  };
  enum class Seen : std::uint8_t { nothing, some, everything };
  void find_cells(const Attention& a, const Run& run);
  void attend_run(const Attention& a, const Run& run, std::int64_t kv_head);
  void gather(const Attention& a, std::int64_t kv_head, std::size_t first, int count);
  void look(const Attention& a, const Run& run, std::size_t first, int count);
  void score(const Attention& a, std::int64_t rows);
  void weigh(std::int64_t row, Seen seen, const float* bias);
  void add_values(const Attention& a, std::int64_t rows, int count);

  std::vector<Run> runs_;
  const Run* found_ = nullptr;  // the run whose cells these are
  std::vector<std::uint16_t> united_;
  std::vector<std::uint32_t> cells_;
  // Of a run; a row is a query and one of the heads that share the keys.
  std::vector<const float*> queries_;
  std::vector<float> top_, weight_, shrink_;
  std::vector<float> sums_;  // [row][head_size]
  // Of a block of cells.
  std::vector<float> keys_;    // [head_size][cell]
  std::vector<float> values_;  // [cell][head_size]
  std::vector<float> scores_;  // [row][cell]
  std::vector<float> bias_;    // [query][cell]: 0 or -infinity
  std::vector<Seen> seen_;     // by each query
};

}  // namespace hearth::engine
