// SPDX-License-Identifier: Apache-2.0
// Compiled for the machine at hand like ggml's own kernels (see CMakeLists.txt): vectors of 16 floats become whatever
// the instruction set has.
#include "attention_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "attention_vectors.hpp"

namespace hearth::engine {
namespace {

using namespace vectors;

constexpr int kBlock = kLanes;  // cells whose scores fill one vector

/// What a thread found for one query and head: the largest score, the sum of the weights, the weighted values.
struct Share {
  float* at;
  float& largest() const { return at[0]; }
  float& weight() const { return at[1]; }
  float* values() const { return at + kLanes; }
};
std::size_t share_size(const Attention& a) { return static_cast<std::size_t>(a.head_size) + kLanes; }
Share share_of(const Attention& a, float* scratch, int thread, std::int64_t query, std::int64_t head) {
  const std::int64_t index = (thread * a.queries + query) * a.heads + head;
  return {scratch + static_cast<std::size_t>(index) * share_size(a)};
}

/// `Heads` query heads that share one key and value head, over `cells`. `Parts` vectors make a head.
template <int Parts, int Heads>
void attend(const Attention& a, const float* const* q, const char* k, const char* v,
            std::span<const std::uint32_t> cells, const Share* shares) {
  std::array<std::array<Floats, Parts>, Heads> values{};
  std::array<Floats, Heads> weight{};
  std::array<float, Heads> top;
  top.fill(kMinusInfinity);
  alignas(64) std::array<std::array<float, kBlock>, Heads> scores;
  for (std::size_t first = 0; first < cells.size(); first += kBlock) {
    const int count = static_cast<int>(std::min<std::size_t>(kBlock, cells.size() - first));
    for (int c = 0; c < count; ++c) {
      const char* key = k + cells[first + c] * a.k_cell;
      std::array<Floats, Heads> dot{};
      for (int p = 0; p < Parts; ++p) {
        const Floats part = widen(key + p * sizeof(Halves));
        for (int h = 0; h < Heads; ++h) dot[h] += part * load(q[h] + p * kLanes);
      }
      for (int h = 0; h < Heads; ++h) scores[h][c] = sum(dot[h]);
    }
    for (int h = 0; h < Heads; ++h) {
      for (int c = count; c < kBlock; ++c) scores[h][c] = kMinusInfinity;
      const Floats score = load(scores[h].data()) * a.scale;
      const float peak = largest(score);
      if (peak > top[h]) {
        const float shrink = std::exp(top[h] - peak);
        top[h] = peak;
        weight[h] *= shrink;
        for (int p = 0; p < Parts; ++p) values[h][p] *= shrink;
      }
      const Floats one = exponential(score - top[h]);
      const Floats kept = score == all(kMinusInfinity) ? Floats{} : one;
      weight[h] += kept;
      std::memcpy(scores[h].data(), &kept, sizeof kept);
    }
    for (int c = 0; c < count; ++c) {
      const char* value = v + cells[first + c] * a.v_cell;
      for (int p = 0; p < Parts; ++p) {
        const Floats part = widen(value + p * sizeof(Halves));
        for (int h = 0; h < Heads; ++h) values[h][p] += part * scores[h][c];
      }
    }
  }
  for (int h = 0; h < Heads; ++h) {
    shares[h].largest() = top[h];
    shares[h].weight() = sum(weight[h]);
    std::memcpy(shares[h].values(), values[h].data(), sizeof values[h]);
  }
}

using Attend = void (*)(const Attention&, const float* const*, const char*, const char*, std::span<const std::uint32_t>,
                        const Share*);
constexpr int kHeadsMax = 4;

/// As many heads at once as leave their sums in 16 registers.
constexpr int heads_at_once(int parts) { return std::clamp(16 / parts, 1, kHeadsMax); }

template <int Parts>
Attend of_heads(int heads) {
  constexpr int kMost = heads_at_once(Parts);
  if constexpr (kMost >= 4) {
    if (heads == 4) return attend<Parts, 4>;
  }
  if constexpr (kMost >= 3) {
    if (heads == 3) return attend<Parts, 3>;
  }
  if constexpr (kMost >= 2) {
    if (heads == 2) return attend<Parts, 2>;
  }
  return attend<Parts, 1>;
}

Attend kernel(int parts, int heads) {
  static constexpr std::array kByParts{&of_heads<1>,  &of_heads<2>,  &of_heads<3>,  &of_heads<4>,
                                       &of_heads<5>,  &of_heads<6>,  &of_heads<7>,  &of_heads<8>,
                                       &of_heads<9>,  &of_heads<10>, &of_heads<11>, &of_heads<12>,
                                       &of_heads<13>, &of_heads<14>, &of_heads<15>, &of_heads<16>};
  static_assert(kByParts.size() * kLanes == Attention::kHeadSizeMax);
  return kByParts.at(static_cast<std::size_t>(parts - 1))(heads);
}

/// Four cells at a time: most of them belong to other sequences.
void find_cells(const Attention& a, std::int64_t query, CellList& cells) {
  constexpr std::uint64_t kFourHidden = 0xFC00FC00FC00FC00;
  const char* mask = a.mask + static_cast<std::size_t>(query) * a.mask_query;
  cells.clear();
  std::int64_t cell = 0;
  const auto look = [&](std::int64_t i) {
    std::uint16_t value;
    std::memcpy(&value, mask + i * static_cast<std::int64_t>(sizeof value), sizeof value);
    if (value != Attention::kHidden) cells.push_back(static_cast<std::uint32_t>(i));
  };
  for (; cell + 4 <= a.cells; cell += 4) {
    std::uint64_t four;
    std::memcpy(&four, mask + cell * static_cast<std::int64_t>(sizeof(std::uint16_t)), sizeof four);
    if (four == kFourHidden) continue;
    for (std::int64_t i = cell; i < cell + 4; ++i) look(i);
  }
  for (; cell < a.cells; ++cell) look(cell);
}

}  // namespace

std::size_t attention_scratch(const Attention& a, int threads) {
  return static_cast<std::size_t>(threads * a.queries * a.heads) * share_size(a);
}

void attend_share(const Attention& a, float* scratch, CellList& cells, int thread, int threads) {
  const std::int64_t group = a.heads / a.kv_heads;
  const int parts = static_cast<int>(a.head_size / kLanes);
  for (std::int64_t query = 0; query < a.queries; ++query) {
    find_cells(a, query, cells);
    const std::size_t begin = cells.size() * static_cast<std::size_t>(thread) / static_cast<std::size_t>(threads);
    const std::size_t end = cells.size() * static_cast<std::size_t>(thread + 1) / static_cast<std::size_t>(threads);
    const std::span mine{cells.data() + begin, end - begin};
    for (std::int64_t kv = 0; kv < a.kv_heads; ++kv) {
      for (std::int64_t first = 0; first < group;) {
        const int heads = static_cast<int>(std::min<std::int64_t>(group - first, heads_at_once(parts)));
        std::array<const float*, kHeadsMax> q{};
        std::array<Share, kHeadsMax> shares{};
        for (int h = 0; h < heads; ++h) {
          const std::int64_t head = kv * group + first + h;
          q.at(h) = reinterpret_cast<const float*>(a.q + query * a.q_query + head * a.q_head);
          shares.at(h) = share_of(a, scratch, thread, query, head);
        }
        kernel(parts, heads)(a, q.data(), a.k + kv * a.k_head, a.v + kv * a.v_head, mine, shares.data());
        first += heads;
      }
    }
  }
}

void join_shares(const Attention& a, const float* scratch, int thread, int threads) {
  float* const all_shares = const_cast<float*>(scratch);  // Share is read only here
  for (std::int64_t i = thread; i < a.queries * a.heads; i += threads) {
    const std::int64_t query = i / a.heads;
    const std::int64_t head = i % a.heads;
    float top = kMinusInfinity;
    for (int t = 0; t < threads; ++t) top = std::max(top, share_of(a, all_shares, t, query, head).largest());
    float* const out = reinterpret_cast<float*>(a.out + query * a.out_query + head * a.out_head);
    std::fill_n(out, a.head_size, 0.0F);
    if (top == kMinusInfinity) continue;  // sees no cell
    float weight = 0;
    for (int t = 0; t < threads; ++t) {
      const Share share = share_of(a, all_shares, t, query, head);
      const float shrink = std::exp(share.largest() - top);
      weight += share.weight() * shrink;
      for (std::int64_t d = 0; d < a.head_size; ++d) out[d] += share.values()[d] * shrink;
    }
    for (std::int64_t d = 0; d < a.head_size; ++d) out[d] /= weight;
  }
}

}  // namespace hearth::engine
