// SPDX-License-Identifier: Apache-2.0
#include "routed_stream.hpp"

#include <algorithm>
#include <utility>

namespace hearth::router {

RoutedStream::RoutedStream(StatePtr state, Answer answer, std::int32_t choices, Settlement settlement,
                           Afterwards afterwards)
    : state_{std::move(state)},
      afterwards_{std::move(afterwards)},
      settlement_{std::move(settlement)},
      answer_{std::move(answer)},
      unfinished_{choices} {
  const Target& target = state_->table->targets[answer_.target];
  Outcome& outcome = settlement_.outcome();
  outcome.target = target.name;
  outcome.zone = policy::name_of(target.zone);
  outcome.confidence = answer_.confidence;
  outcome.escalated = answer_.escalated;
}

RoutedStream::~RoutedStream() {
  answer_.rest.reset();
  Outcome& outcome = settlement_.outcome();
  double dearest = settlement_.bill()->usd;
  if (const Route* route = state_->table->find_route(outcome.route)) {
    for (const std::size_t index : route->targets) {
      dearest = std::max(dearest, cost_of(state_->table->targets[index].price, outcome.usage.prompt_tokens,
                                          outcome.usage.cached_tokens, outcome.usage.completion_tokens));
    }
  }
  outcome.saved_usd = dearest - settlement_.bill()->usd;
}

Task<std::optional<inference::Event>> RoutedStream::async_next() {
  std::optional<inference::Event> event = next_at_hand();
  if (event || !answer_.rest) co_return event;
  event = co_await answer_.rest->async_next();
  if (event) pass(*event);
  co_return event;
}

std::optional<inference::Event> RoutedStream::next_at_hand() {
  std::optional<inference::Event> event;
  if (given_ < answer_.held.size()) {
    event = std::move(answer_.held[given_++]);
  } else if (answer_.rest) {
    event = answer_.rest->next_at_hand();
  }
  if (event) pass(*event);
  return event;
}

void RoutedStream::pass(inference::Event& event) {
  note(event);
  keep(event);
  if (unfinished_ == 0) act_afterwards();
}

std::optional<provider::Placement> RoutedStream::placement() const {
  const Outcome& outcome = settlement_.outcome();
  return provider::Placement{.target = outcome.target,
                             .zone = outcome.zone,
                             .decision = outcome.decision,
                             .cached = answer_.cached,
                             .confidence = outcome.confidence};
}

void RoutedStream::keep(const inference::Event& event) {
  if (afterwards_.shadow) {
    if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) afterwards_.shadow->answer += text->text;
  }
  if (afterwards_.cache == nullptr) return;
  kept_bytes_ += bytes_of(event);
  if (kept_bytes_ + afterwards_.cache_key.size() > AnswerCache::kBytesMax) {
    afterwards_.cache = nullptr;
    kept_.clear();
    return;
  }
  kept_.push_back(event);
  if (auto* done = std::get_if<inference::Finished>(&kept_.back().body)) done->usage.cost_usd.reset();
}

void RoutedStream::act_afterwards() {
  if (afterwards_.cache != nullptr) {
    afterwards_.cache->put({.key = std::move(afterwards_.cache_key),
                            .target = settlement_.outcome().target,
                            .until = Clock::now() + afterwards_.ttl,
                            .events = std::move(kept_)});
    afterwards_.cache = nullptr;
  }
  if (auto shadow = std::exchange(afterwards_.shadow, {}); shadow && !shadow->answer.empty()) {
    afterwards_.start_shadow(*std::move(shadow));
  }
}

void RoutedStream::note(inference::Event& event) {
  Outcome& outcome = settlement_.outcome();
  if (auto* done = std::get_if<inference::Finished>(&event.body)) {
    outcome.usage.add_choice(done->usage);
    if (--unfinished_ > 0) return;
    settlement_.ended({});
    // The last choice carries the cost of the request, other attempts included.
    if (state_->table->targets[answer_.target].remote != nullptr || settlement_.bill()->usd > 0) {
      done->usage.cost_usd = settlement_.bill()->usd;
    }
  } else if (const auto* failed = std::get_if<inference::Failed>(&event.body)) {
    settlement_.ended(failed->error.code);
  }
}

}  // namespace hearth::router
