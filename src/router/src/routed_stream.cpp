// SPDX-License-Identifier: Apache-2.0
#include "routed_stream.hpp"

#include <algorithm>
#include <utility>

namespace hearth::router {

RoutedStream::RoutedStream(StatePtr state, Answer answer, std::int32_t choices, Outcome outcome, Settle settle)
    : state_{std::move(state)},
      answer_{std::move(answer)},
      outcome_{std::move(outcome)},
      settle_{std::move(settle)},
      unfinished_{choices} {
  const Target& target = state_->table->targets[answer_.target];
  outcome_.target = target.name;
  outcome_.zone = policy::name_of(target.zone);
  outcome_.confidence = answer_.confidence;
  outcome_.escalated = answer_.escalated;
}

RoutedStream::~RoutedStream() {
  if (unfinished_ > 0 && !outcome_.error) outcome_.error = ErrorCode::cancelled;
  const auto& targets = state_->table->targets;
  const Price& price = targets[answer_.target].price;
  const auto cost = [&](const Price& p) {
    return cost_of(p, outcome_.usage.prompt_tokens, outcome_.usage.cached_tokens, outcome_.usage.completion_tokens);
  };
  outcome_.cost_usd = cost(price);
  double dearest = outcome_.cost_usd;
  if (const Route* route = state_->table->find_route(outcome_.route)) {
    for (const std::size_t index : route->targets) dearest = std::max(dearest, cost(targets[index].price));
  }
  outcome_.saved_usd = dearest - outcome_.cost_usd;
  if (settle_) settle_(std::move(outcome_));
}

Task<std::optional<inference::Event>> RoutedStream::async_next() {
  std::optional<inference::Event> event;
  if (!answer_.held.empty()) {
    event = std::move(answer_.held.front());
    answer_.held.pop_front();
  } else if (answer_.rest) {
    event = co_await answer_.rest->async_next();
  }
  if (event) note(*event);
  co_return event;
}

std::optional<provider::Placement> RoutedStream::placement() const {
  return provider::Placement{.target = outcome_.target,
                             .zone = outcome_.zone,
                             .decision = outcome_.decision,
                             .confidence = outcome_.confidence};
}

void RoutedStream::note(const inference::Event& event) {
  if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    outcome_.usage.prompt_tokens += done->usage.prompt_tokens;
    outcome_.usage.cached_tokens += done->usage.cached_tokens;
    outcome_.usage.completion_tokens += done->usage.completion_tokens;
    outcome_.usage.reasoning_tokens += done->usage.reasoning_tokens;
    --unfinished_;
  } else if (const auto* failed = std::get_if<inference::Failed>(&event.body)) {
    outcome_.error = failed->error.code;
  }
}

}  // namespace hearth::router
