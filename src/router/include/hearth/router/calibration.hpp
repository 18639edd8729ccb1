// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

/// From how sure an engine seemed to how likely it is right. Pure.
namespace hearth::router {

/// Platt scaling (Platt 1999) of the log-odds: logistic(scale * logit(confidence) + shift).
struct Calibration {
  double scale = 1;
  double shift = 0;

  /// 0 stays 0: an answer that is empty or refuses is none.
  double apply(double confidence) const;
};

/// One answer whose worth is known.
struct JudgedConfidence {
  std::string target;
  double confidence = 0;  // as the engine's token probabilities gave it
  bool right = false;
};

/// Least logistic loss, by Newton's method with a weak pull towards no change, so that a few rows change little.
Calibration fit_calibration(std::span<const JudgedConfidence> rows);

}  // namespace hearth::router
