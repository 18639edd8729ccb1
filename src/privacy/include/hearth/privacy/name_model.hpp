// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/privacy/finding.hpp"

namespace hearth::privacy {

/// A text and what is in it, marked by hand: data to learn from and to be judged by.
struct MarkedText {
  std::string text;
  Findings findings;  // types are built-in ones
  /// Nothing is marked, and nothing is there but perhaps names: ordinary text, to learn from what is none. A word with
  /// a capital that such texts never write without one teaches nothing.
  bool plain = false;
};

/// Guesses names of people, places and organizations, addresses, nationalities, titles, ages and dates from the shape
/// of a word and the words around it: an averaged perceptron, one word after the other (Collins 2002). It knows no list
/// of names, so it finds some that nobody has listed and misses many. Immutable; any thread.
class NameModel {
 public:
  /// `known`: what patterns find in each text (Scanner without names), as find() will be given it. Deterministic.
  static NameModel train(std::span<const MarkedText> texts, std::span<const Findings> known, std::uint32_t seed = 1);
  /// corrupt_data for bytes that save() did not write.
  static Result<NameModel> load(std::string_view bytes);
  std::string save() const;
  /// The one that comes with the program; training/README.md says what it learned from.
  static const NameModel& built_in();

  /// Appends what it finds between `known` findings, which are sorted and part of what it looks at.
  void find(std::string_view text, const Findings& known, Findings& out) const;

  static constexpr int kBits = 15;  // of the feature hash
  static constexpr std::size_t kTags = 10;
  static constexpr std::size_t kFeatures = 20;  // of one word

 private:
  friend class NameTrainer;
  using Row = std::array<std::int8_t, kTags>;
  std::vector<Row> weights_;            // 1 << kBits
  std::vector<std::uint8_t> triggers_;  // lower-case words that may be part of a name, by hash
};

}  // namespace hearth::privacy
