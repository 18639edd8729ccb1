// SPDX-License-Identifier: Apache-2.0
#include "top_candidates.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace hearth::engine {
namespace {

constexpr std::size_t kBlock = 64;
constexpr float kInf = std::numeric_limits<float>::infinity();

float largest_of(const float* values) {
  float most = -kInf;
  for (std::size_t i = 0; i < kBlock; ++i) most = values[i] > most ? values[i] : most;
  return most;
}

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

}  // namespace

void top_candidates(std::span<const float> logits, std::size_t most, std::vector<Candidate>& out) {
  out.clear();
  if (most == 0) return;
  const std::size_t blocks = logits.size() / kBlock;
  std::vector<float> maxima(blocks);
  for (std::size_t b = 0; b < blocks; ++b) maxima[b] = largest_of(logits.data() + b * kBlock);
  // So many blocks reach the threshold that as many values do: what is below it cannot be among the largest.
  float threshold = -kInf;
  if (blocks >= most) {
    std::vector<float> sorted = maxima;
    std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(most - 1), std::greater{});
    threshold = sorted[most - 1];
  }
  const auto gather = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (logits[i] >= threshold && logits[i] > -kInf) out.push_back({static_cast<inference::TokenId>(i), logits[i]});
    }
  };
  for (std::size_t b = 0; b < blocks; ++b) {
    if (maxima[b] >= threshold) gather(b * kBlock, (b + 1) * kBlock);
  }
  gather(blocks * kBlock, logits.size());
  const auto middle = out.begin() + static_cast<std::ptrdiff_t>(std::min(most, out.size()));
  std::partial_sort(out.begin(), middle, out.end(), before);
  out.erase(middle, out.end());
}

}  // namespace hearth::engine
