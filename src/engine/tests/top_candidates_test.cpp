// SPDX-License-Identifier: Apache-2.0
#include "top_candidates.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace hearth::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<Candidate> sorted(const std::vector<float>& logits, std::size_t most) {
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -kInf) all.push_back({static_cast<inference::TokenId>(i), logits[i]});
  }
  std::ranges::sort(all, [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  all.resize(std::min(most, all.size()));
  return all;
}

TEST(TopCandidates, AreThoseThatSortingPutsFirst) {
  std::mt19937 random{1};
  std::normal_distribution<float> normal;
  std::vector<Candidate> found;
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 1'000U, 40'000U}) {
    for (const std::size_t most : {0U, 1U, 2U, 40U, 100U, 256U}) {
      for (const bool ties : {false, true}) {
        std::vector<float> logits(size);
        for (float& logit : logits) logit = ties ? static_cast<float>(random() % 7) : normal(random);
        for (std::size_t i = 0; i < size; i += 3) logits[i] = i % 2 == 0 ? -kInf : logits[i];
        top_candidates(logits, most, found);
        const auto expected = sorted(logits, most);
        ASSERT_EQ(found.size(), expected.size()) << size << " " << most;
        for (std::size_t i = 0; i < found.size(); ++i) {
          ASSERT_EQ(found[i].token, expected[i].token) << size << " " << most << " at " << i;
          ASSERT_EQ(found[i].logit, expected[i].logit);
        }
      }
    }
  }
}

TEST(TopCandidates, OneAllowedTokenIsFoundAmongManyThatAreNot) {
  std::vector<float> logits(10'000, -kInf);
  logits[9'876] = -3;
  std::vector<Candidate> found;
  top_candidates(logits, 40, found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].token, 9'876);
}

}  // namespace
}  // namespace hearth::engine
