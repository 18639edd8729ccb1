// SPDX-License-Identifier: Apache-2.0
#include "local_stream.hpp"

#include <cmath>

namespace hearth::provider {

using inference::Event;

LocalStream::LocalStream(engine::Lease lease, std::unique_ptr<engine::Generation> generation,
                         std::shared_ptr<const engine::RenderedChat> chat, std::vector<std::string> degraded,
                         std::chrono::nanoseconds load)
    : lease_{std::move(lease)},
      generation_{std::move(generation)},
      chat_{std::move(chat)},
      degraded_{std::move(degraded)},
      load_{load} {}

Task<std::optional<Event>> LocalStream::async_next() {
  while (ready_.empty()) {
    std::optional<Event> event = co_await generation_->async_next();
    if (!event) co_return std::nullopt;
    if (auto* finished = std::get_if<inference::Finished>(&event->body)) {
      finished->timings.load = load_;
      read_end(event->choice, std::move(*finished));
    } else if (auto* text = std::get_if<inference::TextDelta>(&event->body); text != nullptr && chat_) {
      read_text(event->choice, std::move(*text));
    } else {
      co_return event;
    }
  }
  std::optional<Event> next{std::move(ready_.front())};
  ready_.pop_front();
  co_return next;
}

engine::ChatReader& LocalStream::reader(std::int32_t choice) {
  return readers_.try_emplace(choice, *chat_).first->second;
}

void LocalStream::read_text(std::int32_t choice, inference::TextDelta delta) {
  const std::size_t before = ready_.size();
  queue(choice, reader(choice).feed(delta.text));
  if (delta.logprobs.empty()) return;
  // Log probabilities go with the first text of the tokens they belong to; with none, they travel alone.
  for (std::size_t i = before; i < ready_.size(); ++i) {
    if (auto* text = std::get_if<inference::TextDelta>(&ready_[i].body)) {
      text->logprobs = std::move(delta.logprobs);
      text->tokens = std::move(delta.tokens);
      return;
    }
  }
  ready_.push_back({choice, inference::TextDelta{
                                .text = {}, .logprobs = std::move(delta.logprobs), .tokens = std::move(delta.tokens)}});
}

void LocalStream::read_end(std::int32_t choice, inference::Finished finished) {
  if (chat_) {
    engine::ChatReader& chat = reader(choice);
    const bool early = finished.reason == inference::FinishReason::length;
    queue(choice, chat.finish(early));
    if (chat.has_tool_calls() && !early) finished.reason = inference::FinishReason::tool_calls;
    finished.usage.reasoning_tokens =
        std::llround(chat.reasoning_share() * static_cast<double>(finished.usage.completion_tokens));
  }
  ready_.push_back({choice, std::move(finished)});
}

void LocalStream::queue(std::int32_t choice, std::vector<engine::ChatDelta> deltas) {
  for (engine::ChatDelta& delta : deltas) {
    const auto add = [&](auto& body) { ready_.push_back({choice, std::move(body)}); };
    std::visit(add, delta);
  }
}

}  // namespace hearth::provider
