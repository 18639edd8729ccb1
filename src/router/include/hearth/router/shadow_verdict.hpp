// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "hearth/base/error.hpp"

namespace hearth::router {

/// What a stronger target thinks of an answer that was served.
struct ShadowVerdict {
  std::string route;
  std::string workload;              // the class of the request
  std::string target;                // that had answered
  std::optional<double> confidence;  // as its token probabilities gave it; of a cascade
  std::string shadow_target;         // that was asked
  std::optional<ErrorCode> error;
  bool agrees = false;
  double agreement = 0;  // 0 to 1
  std::string prompt;    // empty unless the route keeps prompts
  double cost_usd = 0;
};

}  // namespace hearth::router
