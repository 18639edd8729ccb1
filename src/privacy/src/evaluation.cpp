// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/evaluation.hpp"

#include <algorithm>

#include "text_window.hpp"

namespace hearth::privacy {
namespace {

constexpr std::uint16_t kNothing = 0xFFFF;

/// The type of each word, where it begins.
std::vector<std::uint16_t> types_of_words(std::string_view text, const Findings& findings) {
  std::vector<std::uint16_t> types;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_word(text[at]) || !begins_word(text, at)) continue;
    std::uint16_t type = kNothing;
    for (const Finding& finding : findings) {
      if (finding.begin <= at && at < finding.end) type = finding.type;
    }
    types.push_back(type);
  }
  return types;
}

void count(Score& score, bool is, bool found) {
  if (is && found) ++score.right;
  if (!is && found) ++score.wrong;
  if (is && !found) ++score.missed;
}

double share(std::int64_t part, std::int64_t rest) {
  return part + rest == 0 ? 0 : static_cast<double>(part) / static_cast<double>(part + rest);
}

}  // namespace

double Score::precision() const { return share(right, wrong); }
double Score::recall() const { return share(right, missed); }
double Score::f2() const {
  const double p = precision();
  const double r = recall();
  return p + r == 0 ? 0 : 5 * p * r / (4 * p + r);
}

Evaluation evaluate(std::span<const MarkedText> texts, std::span<const Findings> found, std::span<const Type> types) {
  Evaluation out{.overall = {.type = "overall"}, .types = {}};
  std::vector<Score> scores;
  for (const Type& type : types) scores.push_back({.type = type.name});
  for (std::size_t text = 0; text < texts.size(); ++text) {
    const auto is = types_of_words(texts[text].text, texts[text].findings);
    const auto thought = types_of_words(texts[text].text, found[text]);
    for (std::size_t i = 0; i < is.size(); ++i) {
      count(out.overall, is[i] != kNothing, thought[i] != kNothing);
      if (is[i] != kNothing) count(scores[is[i]], true, thought[i] == is[i]);
      if (thought[i] != kNothing && thought[i] != is[i]) count(scores[thought[i]], false, true);
    }
  }
  std::ranges::copy_if(scores, std::back_inserter(out.types),
                       [](const Score& s) { return s.right + s.wrong + s.missed > 0; });
  return out;
}

}  // namespace hearth::privacy
