// SPDX-License-Identifier: Apache-2.0
// Compiled for the machine at hand, as attention_kernel.cpp is.
#include "attention_prompt.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "attention_vectors.hpp"

namespace hearth::engine {
namespace {

using namespace vectors;

#if defined(__AVX512F__)
constexpr int kWide = 4;  // vectors of cells or of a head at once: with 4 rows they leave half of 32 registers
#else
constexpr int kWide = 1;
#endif
constexpr int kRows = 4;
constexpr int kCells = 4 * kLanes;        // of a block
constexpr std::int64_t kRowsOfRun = 96;   // about so many: their sums stay in the second-level cache
constexpr std::int64_t kQueriesMax = 32;  // of a run

bool sees(const Attention& a, std::int64_t query, std::int64_t cell) {
  std::uint16_t value;
  std::memcpy(&value, a.mask + query * static_cast<std::int64_t>(a.mask_query) + cell * 2, sizeof value);
  return value != Attention::kHidden;
}
/// The last cell that a query sees, or -1.
std::int64_t last_cell(const Attention& a, std::int64_t query) {
  std::int64_t cell = a.cells;
  while (cell-- > 0 && !sees(a, query, cell)) {
  }
  return cell;
}

template <int... I>
Floats pick(Floats a, Floats b) {
  return __builtin_shufflevector(a, b, I...);
}

/// Rows become columns.
void transpose(std::array<Floats, kLanes>& m) {
  std::array<Floats, kLanes> pairs;
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = pick<0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29>(m[i], m[i + 1]);
    pairs[i + 1] = pick<2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31>(m[i], m[i + 1]);
  }
  std::array<Floats, kLanes> fours;  // [group of four rows][column of each four columns]
  for (int g = 0; g < kLanes; g += 4) {
    for (int half = 0; half < 2; ++half) {
      const Floats a = pairs[g + half];
      const Floats b = pairs[g + 2 + half];
      fours[g + 2 * half] = pick<0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29>(a, b);
      fours[g + 2 * half + 1] = pick<2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31>(a, b);
    }
  }
  for (int j = 0; j < 4; ++j) {
    const auto low = [](Floats a, Floats b) {
      return pick<0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23>(a, b);
    };
    const auto high = [](Floats a, Floats b) {
      return pick<8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31>(a, b);
    };
    const auto first = [](Floats a, Floats b) {
      return pick<0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23>(a, b);
    };
    const auto second = [](Floats a, Floats b) {
      return pick<8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31>(a, b);
    };
    m[j] = first(low(fours[j], fours[4 + j]), low(fours[8 + j], fours[12 + j]));
    m[4 + j] = second(low(fours[j], fours[4 + j]), low(fours[8 + j], fours[12 + j]));
    m[8 + j] = first(high(fours[j], fours[4 + j]), high(fours[8 + j], fours[12 + j]));
    m[12 + j] = second(high(fours[j], fours[4 + j]), high(fours[8 + j], fours[12 + j]));
  }
}

void store(float* to, Floats x) { std::memcpy(to, &x, sizeof x); }

/// Scores of `Rows` queries and kWide vectors of cells.
template <int Rows>
void score_tile(const float* const* queries, const float* keys, float* scores, std::int64_t head_size, float scale) {
  std::array<std::array<Floats, kWide>, Rows> sums{};
  for (std::int64_t d = 0; d < head_size; ++d) {
    std::array<Floats, kWide> key;
    for (int w = 0; w < kWide; ++w) key[w] = load(keys + d * kCells + w * kLanes);
    for (int r = 0; r < Rows; ++r) {
      for (int w = 0; w < kWide; ++w) sums[r][w] += key[w] * queries[r][d];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int w = 0; w < kWide; ++w) store(scores + r * kCells + w * kLanes, sums[r][w] * scale);
  }
}

/// Adds `count` weighted values to `Rows` sums, `Wide` vectors of them.
template <int Rows, int Wide>
void value_tile(const float* weights, const float* shrink, const float* values, float* sums, std::int64_t head_size,
                int count) {
  std::array<std::array<Floats, Wide>, Rows> sum;
  for (int r = 0; r < Rows; ++r) {
    for (int w = 0; w < Wide; ++w) sum[r][w] = load(sums + r * head_size + w * kLanes) * shrink[r];
  }
  for (int c = 0; c < count; ++c) {
    std::array<Floats, Wide> value;
    for (int w = 0; w < Wide; ++w) value[w] = load(values + c * head_size + w * kLanes);
    for (int r = 0; r < Rows; ++r) {
      for (int w = 0; w < Wide; ++w) sum[r][w] += value[w] * weights[r * kCells + c];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int w = 0; w < Wide; ++w) store(sums + r * head_size + w * kLanes, sum[r][w]);
  }
}

template <int Rows>
void value_tiles(const float* weights, const float* shrink, const float* values, float* sums, std::int64_t head_size,
                 int count) {
  std::int64_t d = 0;
  for (; d + kWide * kLanes <= head_size; d += kWide * kLanes)
    value_tile<Rows, kWide>(weights, shrink, values + d, sums + d, head_size, count);
  for (; d < head_size; d += kLanes) value_tile<Rows, 1>(weights, shrink, values + d, sums + d, head_size, count);
}

/// Calls `tile` with the numbers 0, 4, 8 … below `rows` and how many rows there are from each on, at most 4.
template <class Tile>
void in_fours(std::int64_t rows, Tile tile) {
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) tile.template operator()<kRows>(row);
  switch (rows - row) {
    case 3: return tile.template operator()<3>(row);
    case 2: return tile.template operator()<2>(row);
    case 1: return tile.template operator()<1>(row);
    default: return;
  }
}

}  // namespace

bool PromptAttention::suits(const Attention& a) {
  runs_.clear();
  found_ = nullptr;
  if (a.queries < kRunMin) return false;
  const std::int64_t most = std::clamp(kRowsOfRun * a.kv_heads / a.heads, kRunMin, kQueriesMax);
  std::int64_t long_runs = 0;  // before they are cut
  for (std::int64_t first = 0; first < a.queries;) {
    // Who sees the last cell of the first one goes on where it ended: a later token of the same sequence.
    const std::int64_t last = last_cell(a, first);
    std::int64_t end = first + 1;
    while (end < a.queries && last >= 0 && sees(a, end, last)) ++end;
    if (kRunMin * ++long_runs > a.queries) return false;  // streams: what was looked at is little
    const std::int64_t pieces = (end - first + most - 1) / most;
    for (std::int64_t i = 0; i < pieces; ++i) {  // of one size, so that threads have alike to do
      const std::int64_t from = first + (end - first) * i / pieces;
      runs_.push_back({.first = from, .count = first + (end - first) * (i + 1) / pieces - from});
    }
    first = end;
  }
  return true;
}

void PromptAttention::attend(const Attention& a, int thread, int threads) {
  const auto tasks = static_cast<std::int64_t>(runs_.size()) * a.kv_heads;
  for (std::int64_t task = thread; task < tasks; task += threads) {
    const Run& run = runs_[static_cast<std::size_t>(task / a.kv_heads)];
    if (found_ != &run) find_cells(a, run);
    attend_run(a, run, task % a.kv_heads);
  }
}

/// All cells that some query of the run sees.
void PromptAttention::find_cells(const Attention& a, const Run& run) {
  found_ = &run;
  const auto size = static_cast<std::size_t>(a.cells);
  united_.assign(size, Attention::kHidden);
  for (std::int64_t query = run.first; query < run.first + run.count; ++query) {
    const char* mask = a.mask + static_cast<std::size_t>(query) * a.mask_query;
    for (std::size_t i = 0; i < size; ++i) {
      std::uint16_t value;
      std::memcpy(&value, mask + i * sizeof value, sizeof value);
      united_[i] &= value;  // 0 where it is seen
    }
  }
  cells_.clear();
  for (std::size_t i = 0; i < size; ++i) {
    if (united_[i] != Attention::kHidden) cells_.push_back(static_cast<std::uint32_t>(i));
  }
}

void PromptAttention::attend_run(const Attention& a, const Run& run, std::int64_t kv_head) {
  const std::int64_t group = a.heads / a.kv_heads;
  const std::int64_t rows = run.count * group;
  const auto size = static_cast<std::size_t>(rows);
  const auto head_size = static_cast<std::size_t>(a.head_size);
  queries_.resize(size);
  for (std::int64_t row = 0; row < rows; ++row) {
    queries_[static_cast<std::size_t>(row)] = reinterpret_cast<const float*>(
        a.q + (run.first + row / group) * a.q_query + (kv_head * group + row % group) * a.q_head);
  }
  top_.assign(size, kMinusInfinity);
  weight_.assign(size, 0);
  shrink_.resize(size);
  sums_.assign(size * head_size, 0);
  keys_.resize(head_size * kCells);
  values_.resize(kCells * head_size);
  scores_.resize(size * kCells);
  bias_.resize(static_cast<std::size_t>(run.count) * kCells);
  seen_.resize(static_cast<std::size_t>(run.count));
  for (std::size_t first = 0; first < cells_.size(); first += kCells) {
    const int count = static_cast<int>(std::min<std::size_t>(kCells, cells_.size() - first));
    gather(a, kv_head, first, count);
    look(a, run, first, count);
    score(a, rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto query = static_cast<std::size_t>(row / group);
      weigh(row, seen_[query], bias_.data() + query * kCells);
    }
    add_values(a, rows, count);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto r = static_cast<std::size_t>(row);
    auto* out = reinterpret_cast<float*>(a.out + (run.first + row / group) * a.out_query +
                                         (kv_head * group + row % group) * a.out_head);
    const float part = weight_[r] > 0 ? 1 / weight_[r] : 0;  // 0: it sees no cell
    for (std::size_t d = 0; d < head_size; ++d) out[d] = sums_[r * head_size + d] * part;
  }
}

/// The block's keys, cell beside cell, and its values.
void PromptAttention::gather(const Attention& a, std::int64_t kv_head, std::size_t first, int count) {
  const char* k = a.k + kv_head * a.k_head;
  const char* v = a.v + kv_head * a.v_head;
  for (std::int64_t d = 0; d < a.head_size; d += kLanes) {
    for (int c = 0; c < kCells; c += kLanes) {
      std::array<Floats, kLanes> tile{};
      for (int i = 0; i < std::min(kLanes, count - c); ++i)
        tile[i] = widen(k + cells_[first + c + i] * a.k_cell + static_cast<std::size_t>(d) * sizeof(_Float16));
      transpose(tile);
      for (int i = 0; i < kLanes; ++i) store(keys_.data() + (d + i) * kCells + c, tile[i]);
    }
    for (int c = 0; c < count; ++c) {
      const char* from = v + cells_[first + c] * a.v_cell + static_cast<std::size_t>(d) * sizeof(_Float16);
      store(values_.data() + c * a.head_size + d, widen(from));
    }
  }
}

/// What each query sees of the block.
void PromptAttention::look(const Attention& a, const Run& run, std::size_t first, int count) {
  static constexpr std::array<std::uint16_t, kCells> kAllSeen{};
  const std::uint32_t from = cells_[first];
  const bool side_by_side = count == kCells && cells_[first + kCells - 1] - from == kCells - 1;
  for (std::int64_t i = 0; i < run.count; ++i) {
    Seen& seen = seen_[static_cast<std::size_t>(i)];
    const char* mask = a.mask + static_cast<std::size_t>(run.first + i) * a.mask_query;
    if (side_by_side && std::memcmp(mask + from * sizeof(std::uint16_t), kAllSeen.data(), sizeof kAllSeen) == 0) {
      seen = Seen::everything;
      continue;
    }
    float* bias = bias_.data() + i * kCells;
    int visible = 0;
    for (int c = 0; c < count; ++c) {
      const bool is_seen = sees(a, run.first + i, cells_[first + c]);
      bias[c] = is_seen ? 0 : kMinusInfinity;
      visible += is_seen ? 1 : 0;
    }
    std::fill(bias + count, bias + kCells, kMinusInfinity);
    seen = visible == 0 ? Seen::nothing : visible == kCells ? Seen::everything : Seen::some;
  }
}

void PromptAttention::score(const Attention& a, std::int64_t rows) {
  for (int c = 0; c < kCells; c += kWide * kLanes) {
    in_fours(rows, [&]<int Rows>(std::int64_t row) {
      score_tile<Rows>(queries_.data() + row, keys_.data() + c, scores_.data() + row * kCells + c, a.head_size,
                       a.scale);
    });
  }
}

/// Scores become weights, and what was added up so far shrinks to them.
void PromptAttention::weigh(std::int64_t row, Seen seen, const float* bias) {
  const auto r = static_cast<std::size_t>(row);
  float* const at = scores_.data() + r * kCells;
  shrink_[r] = 1;
  if (seen == Seen::nothing) {
    std::fill_n(at, kCells, 0.0F);
    return;
  }
  constexpr int kVectors = kCells / kLanes;
  std::array<Floats, kVectors> score;
  Floats high = all(kMinusInfinity);
  for (int i = 0; i < kVectors; ++i) {
    score[i] = load(at + i * kLanes);
    if (seen == Seen::some) score[i] += load(bias + i * kLanes);
    high = score[i] > high ? score[i] : high;
  }
  if (const float peak = largest(high); peak > top_[r]) {
    shrink_[r] = std::exp(top_[r] - peak);
    weight_[r] *= shrink_[r];
    top_[r] = peak;
  }
  Floats added{};
  for (int i = 0; i < kVectors; ++i) {
    const Floats part = exponential(score[i] - top_[r]);
    const Floats kept = score[i] == all(kMinusInfinity) ? Floats{} : part;
    added += kept;
    store(at + i * kLanes, kept);
  }
  weight_[r] += sum(added);
}

void PromptAttention::add_values(const Attention& a, std::int64_t rows, int count) {
  in_fours(rows, [&]<int Rows>(std::int64_t row) {
    value_tiles<Rows>(scores_.data() + row * kCells, shrink_.data() + row, values_.data(),
                      sums_.data() + row * a.head_size, a.head_size, count);
  });
}

}  // namespace hearth::engine
