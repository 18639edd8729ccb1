// SPDX-License-Identifier: Apache-2.0
#include "plan_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hearth::router {

Error nobody(const Table& table, const Route& route, const Plan& plan, const Facts& facts, const Wishes& wishes) {
  Exclusion last = Exclusion::none;
  for (const Candidate& candidate : plan.candidates) last = std::max(last, candidate.exclusion);
  const auto error = [](ErrorCode code, std::string message) {
    return Error{.code = code, .message = std::move(message), .param = {}, .retry_after = {}};
  };
  switch (last) {
    case Exclusion::capability: {
      if (facts.beyond) return *facts.beyond;
      auto missing = static_cast<Capabilities>(~0U);
      for (const Candidate& c : plan.candidates) {
        if (c.exclusion == last) {
          missing &= static_cast<Capabilities>(facts.needs & ~table.targets[c.target].capabilities);
        }
      }
      return error(ErrorCode::unsupported,
                   fmt::format("no target of {} that is permitted has all of: {}{}", route.name, names_of(facts.needs),
                               missing == 0 ? "" : fmt::format("; all lack: {}", names_of(missing))));
    }
    case Exclusion::context:
      return error(
          ErrorCode::context_too_long,
          fmt::format("the prompt has about {} tokens, more than any target of {} takes", facts.longest, route.name));
    case Exclusion::cost:
      return error(ErrorCode::invalid_request,
                   fmt::format("every target of {} costs more than x-hearth-max-cost", route.name));
    case Exclusion::budget:
      return error(ErrorCode::budget_exhausted,
                   fmt::format("every target of {} costs more than the ${:.6f} that the budgets leave", route.name,
                               wishes.affordable_usd.value_or(0)));
    case Exclusion::latency:
      return error(
          ErrorCode::invalid_request,
          fmt::format("every target of {} is expected to take longer than x-hearth-max-latency-ms", route.name));
    case Exclusion::health: {
      Error down = error(ErrorCode::upstream_unavailable,
                         fmt::format("every target of {} failed too often lately; try again in a moment", route.name));
      down.retry_after = std::chrono::seconds{1};
      return down;
    }
    case Exclusion::none:
    case Exclusion::policy: break;
  }
  return error(ErrorCode::forbidden,
               fmt::format("policy permits content labelled {} at no target of {}; POST /admin/explain says why",
                           policy::name_of(std::max(wishes.label, facts.found)), route.name));
}

}  // namespace hearth::router
