// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "hearth/base/error.hpp"
#include "hearth/inference/event.hpp"

namespace hearth::router {

/// What became of one routed request.
struct Outcome {
  std::string decision;
  std::string route;  // of the configuration; "-" when a target was named: names of clients' making stay out of metrics
  std::string principal;
  std::string belongs;  // its team and roles, and whom it acts for, as budgets ask for them
  std::string target;   // that answered; empty: none
  std::string zone;
  std::optional<ErrorCode> error;
  std::int32_t attempts = 0;
  bool escalated = false;
  std::optional<double> confidence;
  inference::Usage usage;
  double cost_usd = 0;   // of all attempts
  double saved_usd = 0;  // against the dearest target of the route
  std::chrono::nanoseconds duration{};
};

}  // namespace hearth::router
