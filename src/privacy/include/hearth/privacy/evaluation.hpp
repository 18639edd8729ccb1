// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hearth/privacy/finding.hpp"
#include "hearth/privacy/name_model.hpp"

namespace hearth::privacy {

/// Counts of words: right, found without cause, missed.
struct Score {
  std::string type;
  std::int64_t right = 0;
  std::int64_t wrong = 0;
  std::int64_t missed = 0;

  double precision() const;
  double recall() const;
  double f2() const;  // recall counts four times as much (van Rijsbergen's F with beta 2)
};

/// By words, as presidio-research counts. `overall`: is a word part of anything, whatever type; then each type by
/// itself.
struct Evaluation {
  Score overall;
  std::vector<Score> types;  // of those that occur, in the order of the built-in ones
};
/// `found`: one a text.
Evaluation evaluate(std::span<const MarkedText> texts, std::span<const Findings> found, std::span<const Type> types);

}  // namespace hearth::privacy
