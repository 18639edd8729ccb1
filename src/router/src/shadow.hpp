// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "attempt.hpp"
#include "hearth/router/shadow_verdict.hpp"
#include "settlement.hpp"

namespace hearth::router {

/// A question that was answered, to be asked again elsewhere. Permits and budgets apply as to any request.
struct ShadowCheck {
  Attempt attempt;  // at the stronger target
  Ask ask;
  std::string answer;
  bool judge = false;      // a second question decides instead of the likeness of words
  double agreement = 0.6;  // answers at least this alike agree
  std::size_t embedder = SIZE_MAX;
  ShadowVerdict verdict;  // filled in so far as it is known
};

/// Asks, compares and tells. Failures are verdicts too. `settlement`: of this check, which costs as any request.
Task<> async_check(ShadowCheck check, Settlement settlement, std::function<void(const ShadowVerdict&)> tell);

/// The question for the judge. Pure.
inference::ChatRequest judge_request(std::string_view question, std::string_view first, std::string_view second);
/// "yes" or "no" at the start of a judge's answer; nullopt for anything else. Pure.
std::optional<bool> judgement_of(std::string_view text);

}  // namespace hearth::router
