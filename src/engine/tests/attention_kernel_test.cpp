// SPDX-License-Identifier: Apache-2.0
#include "../src/attention_kernel.hpp"
#include "../src/attention_prompt.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace hearth::engine {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

/// A cache of `cells` cells, of which each query sees a random part.
struct Case {
  std::int64_t head_size, queries, heads, kv_heads, cells;
  double seen;

  std::vector<float> q;
  std::vector<_Float16> k, v, mask;
  std::vector<float> out;
  Attention attention;

  void fill(unsigned seed) {
    std::mt19937 random{seed};
    std::normal_distribution<float> normal;
    std::bernoulli_distribution sees{seen};
    q.resize(heads * queries * head_size);
    k.resize(kv_heads * cells * head_size);
    v.resize(k.size());
    mask.resize(queries * cells);
    out.assign(queries * heads * head_size, 12345.0F);
    for (float& x : q) x = 3 * normal(random);
    for (auto* half : {&k, &v}) {
      for (_Float16& x : *half) x = static_cast<_Float16>(normal(random));
    }
    for (_Float16& x : mask) x = static_cast<_Float16>(sees(random) ? 0.0F : kHidden);
    const auto d = static_cast<std::size_t>(head_size);
    // Cells hold all heads side by side, as libllama's cache does; queries lie per head.
    attention = {.head_size = head_size, .queries = queries, .heads = heads, .kv_heads = kv_heads, .cells = cells};
    attention.scale = 1.0F / std::sqrt(static_cast<float>(head_size));
    attention.q = reinterpret_cast<const char*>(q.data());
    attention.q_query = d * 4, attention.q_head = d * 4 * queries;
    attention.k = reinterpret_cast<const char*>(k.data());
    attention.k_cell = d * 2 * kv_heads, attention.k_head = d * 2;
    attention.v = reinterpret_cast<const char*>(v.data());
    attention.v_cell = attention.k_cell, attention.v_head = attention.k_head;
    attention.mask = reinterpret_cast<const char*>(mask.data());
    attention.mask_query = 2 * cells;
    attention.out = reinterpret_cast<char*>(out.data());
    attention.out_head = d * 4, attention.out_query = d * 4 * heads;
  }

  void run(int threads) {
    CellList list;
    for (std::int64_t first = 0; first < queries; first += 2) {
      const Attention part = attention.of_queries(first, std::min<std::int64_t>(2, queries - first));
      std::vector<float> scratch(attention_scratch(part, threads));
      for (int t = threads; t-- > 0;) attend_share(part, scratch.data(), list, t, threads);
      for (int t = 0; t < threads; ++t) join_shares(part, scratch.data(), t, threads);
    }
  }

  bool run_as_prompt(int threads) {
    for (int t = threads; t-- > 0;) {
      PromptAttention prompt;
      if (!prompt.suits(attention)) return false;
      prompt.attend(attention, t, threads);
    }
    return true;
  }
  /// As prompts of several sequences in one batch lie in the cache: each sees every `stride`-th cell from its own on,
  /// up to itself, and no farther back than `window`.
  void see_like_prompts(std::int64_t sequences, std::int64_t window) {
    const std::int64_t each = queries / sequences;
    for (std::int64_t query = 0; query < queries; ++query) {
      const std::int64_t sequence = std::min(query / each, sequences - 1);
      const std::int64_t behind = queries - 1 - query;  // cells that later queries of the batch added
      for (std::int64_t c = 0; c < cells; ++c) {
        const bool seen_by_it = c % sequences == sequence && c < cells - behind && c >= cells - behind - window;
        mask[query * cells + c] = static_cast<_Float16>(seen_by_it ? 0.0F : kHidden);
      }
    }
  }

  /// The textbook, in double precision: the answer of one query and head.
  std::vector<double> expected(std::int64_t query, std::int64_t head) const {
    const std::int64_t kv = head / (heads / kv_heads);
    double top = kHidden;
    std::vector<double> scores(cells);
    for (std::int64_t c = 0; c < cells; ++c) {
      double dot = 0;
      for (std::int64_t i = 0; i < head_size; ++i) {
        dot += static_cast<double>(q[(head * queries + query) * head_size + i]) *
               static_cast<double>(k[(c * kv_heads + kv) * head_size + i]);
      }
      scores[c] = dot * attention.scale + static_cast<double>(mask[query * cells + c]);
      top = std::max(top, scores[c]);
    }
    std::vector<double> sums(head_size);
    if (std::isinf(top)) return sums;
    double weight = 0;
    for (std::int64_t c = 0; c < cells; ++c) {
      const double w = std::exp(scores[c] - top);
      weight += w;
      for (std::int64_t d = 0; d < head_size; ++d) {
        sums[d] += w * static_cast<double>(v[(c * kv_heads + kv) * head_size + d]);
      }
    }
    for (double& sum : sums) sum /= weight;
    return sums;
  }

  void check(const std::string& what) const {
    for (std::int64_t query = 0; query < queries; ++query) {
      for (std::int64_t head = 0; head < heads; ++head) {
        const std::vector<double> wanted = expected(query, head);
        for (std::int64_t d = 0; d < head_size; ++d) {
          ASSERT_NEAR(out[(query * heads + head) * head_size + d], wanted[d], 2e-5)
              << what << ": query " << query << " head " << head << " element " << d;
        }
      }
    }
  }
};

TEST(AttentionKernel, AgreesWithTheTextbookForAllShapesAndThreads) {
  unsigned seed = 0;
  for (const std::int64_t head_size : {16, 64, 80, 96, 128, 256}) {
    for (const std::int64_t group : {1, 2, 3, 4, 7}) {
      for (const int threads : {1, 2, 3}) {
        Case c{.head_size = head_size, .queries = 3, .heads = 2 * group, .kv_heads = 2, .cells = 107, .seen = 0.4};
        c.fill(++seed);
        c.run(threads);
        c.check("head size " + std::to_string(head_size) + " group " + std::to_string(group));
      }
    }
  }
}

TEST(AttentionKernel, OfPromptsAgreesWithTheTextbookForAllShapesAndThreads) {
  unsigned seed = 100;
  for (const std::int64_t head_size : {16, 64, 80, 96, 128, 256}) {
    for (const std::int64_t group : {1, 3, 7}) {
      for (const std::int64_t queries : {8, 33, 70}) {
        const int threads = 1 + static_cast<int>(seed % 3);
        Case c{.head_size = head_size, .queries = queries, .heads = 2 * group, .kv_heads = 2, .cells = 203, .seen = 1};
        c.fill(++seed);
        c.see_like_prompts(queries < 33 ? 1 : 2, seed % 2 == 0 ? 40 : 1000);
        ASSERT_TRUE(c.run_as_prompt(threads));
        c.check("head size " + std::to_string(head_size) + " group " + std::to_string(group) + " queries " +
                std::to_string(queries));
      }
    }
  }
}

TEST(AttentionKernel, QueriesThatSeeDifferentCellsAreNoPrompt) {
  Case c{.head_size = 16, .queries = 40, .heads = 1, .kv_heads = 1, .cells = 160, .seen = 0};
  c.fill(3);
  for (std::int64_t query = 0; query < c.queries; ++query) c.mask[query * c.cells + 4 * query] = 0;
  EXPECT_FALSE(c.run_as_prompt(2));
  c.see_like_prompts(1, 1000);
  EXPECT_TRUE(c.run_as_prompt(2));
  c.see_like_prompts(8, 1000);
  EXPECT_FALSE(c.run_as_prompt(2)) << "five queries each";
}

TEST(AttentionKernel, OfPromptsGivesZerosToAQueryThatSeesNothingAndKeepsFarApartScoresFinite) {
  Case c{.head_size = 32, .queries = 70, .heads = 2, .kv_heads = 2, .cells = 200, .seen = 1};
  c.fill(4);
  c.see_like_prompts(1, 1000);
  for (std::int64_t cell = 0; cell < c.cells; ++cell) c.mask[40 * c.cells + cell] = static_cast<_Float16>(kHidden);
  for (float& x : c.q) x *= 400;
  ASSERT_TRUE(c.run_as_prompt(2));
  c.check("hidden and far apart");
  EXPECT_EQ(c.out[40 * 2 * 32], 0.0F);
}

TEST(AttentionKernel, GivesZerosToAQueryThatSeesNothing) {
  Case c{.head_size = 64, .queries = 2, .heads = 3, .kv_heads = 1, .cells = 70, .seen = 0};
  c.fill(1);
  c.mask[70 + 69] = 0;  // the second query sees the last cell alone
  c.run(2);
  c.check("hidden");
  EXPECT_EQ(c.out[0], 0.0F);
  EXPECT_FLOAT_EQ(c.out[3 * 64], static_cast<float>(c.v[69 * 64]));
}

TEST(AttentionKernel, KeepsFarApartScoresFinite) {
  Case c{.head_size = 32, .queries = 1, .heads = 2, .kv_heads = 2, .cells = 64, .seen = 1};
  c.fill(2);
  for (float& x : c.q) x *= 400;  // scores hundreds apart: all weight on one cell
  c.run(2);
  c.check("far apart");
}

}  // namespace
}  // namespace hearth::engine
