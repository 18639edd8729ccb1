// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_set>

#include "name_features.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr int kEpochs = 12;

/// The tags of a text's tokens, from what is marked in it.
std::vector<std::uint8_t> tags_of(const std::vector<Token>& tokens, const Findings& findings) {
  std::vector<std::uint8_t> tags(tokens.size(), 0);
  for (const Finding& finding : findings) {
    const std::uint8_t tag = tag_of_type(finding.type);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!tokens[i].known && tokens[i].begin >= finding.begin && tokens[i].begin < finding.end) tags[i] = tag;
    }
  }
  return tags;
}

struct Example {
  std::string_view text;
  std::vector<Token> tokens;
  std::vector<std::uint8_t> tags;
  bool plain = false;
};

}  // namespace

/// Knows the insides of the model that it makes.
class NameTrainer {
 public:
  NameTrainer(std::span<const MarkedText> texts, std::span<const Findings> known)
      : weights_(kRows), totals_(kRows), updated_(kRows) {
    model_.triggers_.assign((std::size_t{1} << 12) / 8, 0);
    for (std::size_t text = 0; text < texts.size(); ++text) {
      Example example{.text = texts[text].text,
                      .tokens = tokens_of(texts[text].text, known[text]),
                      .tags = {},
                      .plain = texts[text].plain};
      example.tags = tags_of(example.tokens, texts[text].findings);
      for (std::size_t i = 0; i < example.tokens.size(); ++i) {
        const Token& token = example.tokens[i];
        if (example.plain && !token.loud) common_.insert(token.word);
        if (example.tags[i] == 0 || token.loud || token.mark) continue;
        model_.triggers_[trigger_bit(token) / 8] |= static_cast<std::uint8_t>(1U << (trigger_bit(token) % 8));
      }
      examples_.push_back(std::move(example));
    }
  }

  NameModel run(std::uint32_t seed) {
    std::mt19937 random{seed};
    std::vector<std::size_t> order(examples_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
      std::ranges::shuffle(order, random);
      for (const std::size_t i : order) learn(examples_[i]);
    }
    finish();
    return std::move(model_);
  }

 private:
  static constexpr std::size_t kRows = std::size_t{1} << NameModel::kBits;
  using Row = std::array<float, NameModel::kTags>;

  void learn(const Example& example) {
    std::uint8_t before = 0;
    std::uint8_t before_that = 0;
    for (std::size_t i = 0; i < example.tokens.size(); ++i) {
      const Token& token = example.tokens[i];
      std::uint8_t guess = 0;
      const std::uint32_t bit = trigger_bit(token);
      const bool triggers = (model_.triggers_[bit / 8] >> (bit % 8) & 1) != 0;
      if (!token.known && (before != 0 || (!token.mark && (token.loud || triggers)))) {
        ++clock_;
        const Features features = features_of(example.text, example.tokens, i, before, before_that);
        guess = best(features);
        if (guess != example.tags[i] && !may_be_name(example, token)) update(features, example.tags[i], guess);
      }
      before_that = before;
      before = guess;
    }
  }

  /// Nobody marked it, and it may be one.
  bool may_be_name(const Example& example, const Token& token) const {
    return example.plain && token.loud && !token.number && token.end - token.begin > 1 && !common_.contains(token.word);
  }

  std::uint8_t best(const Features& features) const {
    Row sums{};
    for (const std::uint32_t row : features) {
      for (std::size_t t = 0; t < sums.size(); ++t) sums[t] += weights_[row][t];
    }
    return static_cast<std::uint8_t>(std::ranges::max_element(sums) - sums.begin());
  }

  void update(const Features& features, std::uint8_t right, std::uint8_t wrong) {
    for (const std::uint32_t row : features) {
      settle(row);
      weights_[row][right] += 1;
      weights_[row][wrong] -= 1;
    }
  }

  /// Adds to the average what the row has weighed since it was last changed.
  void settle(std::uint32_t row) {
    const auto since = static_cast<float>(clock_ - updated_[row]);
    for (std::size_t t = 0; t < NameModel::kTags; ++t) totals_[row][t] += since * weights_[row][t];
    updated_[row] = clock_;
  }

  void finish() {
    float largest = 1e-6F;
    for (std::uint32_t row = 0; row < kRows; ++row) {
      settle(row);
      for (const float total : totals_[row]) largest = std::max(largest, std::abs(total));
    }
    model_.weights_.resize(kRows);
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t t = 0; t < NameModel::kTags; ++t) {
        model_.weights_[row][t] = static_cast<std::int8_t>(std::lround(totals_[row][t] / largest * 127));
      }
    }
  }

  std::vector<Example> examples_;
  std::unordered_set<std::uint32_t> common_;  // words of plain texts, by hash
  std::vector<Row> weights_;
  std::vector<Row> totals_;
  std::vector<std::uint64_t> updated_;
  std::uint64_t clock_ = 0;
  NameModel model_;
};

NameModel NameModel::train(std::span<const MarkedText> texts, std::span<const Findings> known, std::uint32_t seed) {
  return NameTrainer{texts, known}.run(seed);
}

}  // namespace hearth::privacy
