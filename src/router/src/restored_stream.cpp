// SPDX-License-Identifier: Apache-2.0
#include "restored_stream.hpp"

#include <fmt/format.h>

namespace hearth::router {

using privacy::Restorer;

Task<std::optional<inference::Event>> RestoredStream::async_next() {
  if (ready_.empty()) {
    std::optional<inference::Event> event = co_await stream_->async_next();
    if (!event) co_return event;
    if (std::holds_alternative<inference::Finished>(event->body)) {
      release(event->choice);
    } else {
      restore(*event);
    }
    ready_.push_back(std::move(*event));
  }
  inference::Event next = std::move(ready_.front());
  ready_.pop_front();
  co_return next;
}

std::vector<std::string> RestoredStream::degraded() const {
  std::vector<std::string> out = stream_->degraded();
  out.push_back(
      fmt::format("{} {} hidden from the model", hidden_->size(), hidden_->size() == 1 ? "value was" : "values were"));
  return out;
}

RestoredStream::Choice& RestoredStream::choice(std::int32_t index) {
  const auto found = choices_.find(index);
  if (found != choices_.end()) return found->second;
  return choices_
      .emplace(
          index,
          Choice{.text = {hidden_, Restorer::Into::text}, .reasoning = {hidden_, Restorer::Into::text}, .calls = {}})
      .first->second;
}

void RestoredStream::restore(inference::Event& event) {
  if (auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    text->text = choice(event.choice).text.next(text->text);
  } else if (auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    Restorer& reasoning = choice(event.choice).reasoning;
    thought->text = reasoning.next(thought->text);
    if (!thought->signature.empty()) thought->text += reasoning.rest();  // the block ends here
  } else if (auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    const auto at = choice(event.choice).calls.try_emplace(call->index, hidden_, Restorer::Into::json).first;
    call->arguments = at->second.next(call->arguments);
  } else if (auto* opaque = std::get_if<inference::Opaque>(&event.body)) {
    Restorer whole{hidden_, Restorer::Into::json};
    std::string json = whole.next(opaque->json);
    opaque->json = json + whole.rest();
  }
}

void RestoredStream::release(std::int32_t index) {
  Choice& last = choice(index);
  if (std::string rest = last.reasoning.rest(); !rest.empty()) {
    ready_.push_back({.choice = index, .body = inference::ReasoningDelta{.text = std::move(rest)}});
  }
  if (std::string rest = last.text.rest(); !rest.empty()) {
    ready_.push_back(
        {.choice = index, .body = inference::TextDelta{.text = std::move(rest), .logprobs = {}, .tokens = {}}});
  }
  for (auto& [call, restorer] : last.calls) {
    std::string rest = restorer.rest();
    if (rest.empty()) continue;
    ready_.push_back(
        {.choice = index,
         .body = inference::ToolCallDelta{.index = call, .id = {}, .name = {}, .arguments = std::move(rest)}});
  }
}

}  // namespace hearth::router
