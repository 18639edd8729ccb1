// SPDX-License-Identifier: Apache-2.0
#include "stream_collect.hpp"

#include <algorithm>

namespace hearth::api {
namespace {

using namespace inference;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Of `size` bytes that are about to be added, or of one more call.
void add_block(CollectedChoice& choice, ContentBlock::Kind kind, std::size_t begin, std::size_t size) {
  const bool open = !choice.blocks.empty() && choice.blocks.back().kind == kind &&
                    kind != ContentBlock::Kind::tool_call && choice.blocks.back().signature.empty();
  if (open) {
    choice.blocks.back().size += size;
  } else {
    choice.blocks.push_back({.kind = kind, .begin = begin, .size = size});
  }
}

void add_text(CollectedChoice& choice, TextDelta& delta) {
  if (!delta.text.empty()) add_block(choice, ContentBlock::Kind::text, choice.text.size(), delta.text.size());
  choice.text += delta.text;
  choice.refused = choice.refused || delta.refusal;
  append(choice.logprobs, delta.logprobs);
  append(choice.tokens, delta.tokens);
}

void add_reasoning(CollectedChoice& choice, ReasoningDelta& delta) {
  if (delta.text.empty() && delta.signature.empty()) return;
  add_block(choice, ContentBlock::Kind::reasoning, choice.reasoning.size(), delta.text.size());
  choice.reasoning += delta.text;
  choice.blocks.back().signature = std::move(delta.signature);
}

void add_tool_call(CollectedChoice& choice, ToolCallDelta& delta) {
  while (choice.tool_calls.size() <= delta.index) {
    add_block(choice, ContentBlock::Kind::tool_call, choice.tool_calls.size(), 0);
    choice.tool_calls.emplace_back();
  }
  ToolCall& call = choice.tool_calls[delta.index];
  if (!delta.id.empty()) call.id = std::move(delta.id);
  if (!delta.name.empty()) call.name = std::move(delta.name);
  if (!delta.signature.empty()) call.signature = std::move(delta.signature);
  call.arguments += delta.arguments;
}

struct Gathered {
  std::vector<CollectedChoice> choices;
  std::optional<Error> failure;
};

Task<> async_gather(Call& call, StreamSource& source, Gathered& out) {
  while (!out.failure) {
    auto event = source.stream->next_at_hand();
    if (!event) event = co_await source.stream->async_next();
    if (!event) co_return;
    event->choice += source.first_choice;
    call.note(*event);
    if (auto* failed = std::get_if<Failed>(&event->body)) {
      if (!out.failure) out.failure = std::move(failed->error);
      co_return;
    }
    add_event(out.choices, *std::move(event));
  }
}

Task<> async_gather_all(Call& call, StreamSource* first, StreamSource* last, Gathered& out) {
  using namespace asio::experimental::awaitable_operators;
  if (last - first == 1) {
    co_await async_gather(call, *first, out);
    if (out.failure) first->stream.reset();
  } else if (last - first > 1) {
    StreamSource* const middle = first + (last - first) / 2;
    co_await (async_gather_all(call, first, middle, out) && async_gather_all(call, middle, last, out));
  }
}

}  // namespace

void add_event(std::vector<CollectedChoice>& choices, Event event) {
  const auto index = static_cast<std::size_t>(std::max(event.choice, 0));
  if (index >= choices.size()) choices.resize(index + 1);
  CollectedChoice& choice = choices[index];
  std::visit(
      Overloaded{
          [&](PromptDone& e) { choice.prompt = std::move(e); },
          [&](TextDelta& e) { add_text(choice, e); },
          [&](ReasoningDelta& e) { add_reasoning(choice, e); },
          [&](ToolCallDelta& e) { add_tool_call(choice, e); },
          [&](Opaque& e) { choice.blocks.push_back({.kind = ContentBlock::Kind::opaque, .opaque = std::move(e)}); },
          [&](Finished& e) { choice.finished = std::move(e); },
          [](Failed&) {},
      },
      event.body);
}

Task<Result<std::vector<CollectedChoice>>> async_collect(Call& call, std::vector<StreamSource> sources) {
  call.note(sources);
  Gathered out;
  if (sources.size() == 1) {
    co_await async_gather(call, sources.front(), out);
  } else {
    co_await async_gather_all(call, sources.data(), sources.data() + sources.size(), out);
  }
  if (out.failure) co_return hearth::fail(*std::move(out.failure));
  co_return std::move(out.choices);
}

Usage total_usage(const std::vector<CollectedChoice>& choices, std::size_t per_prompt) {
  Usage total;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Usage& one = choices[i].finished.usage;
    total.completion_tokens += one.completion_tokens;
    total.reasoning_tokens += one.reasoning_tokens;
    if (one.cost_usd) total.cost_usd = total.cost_usd.value_or(0) + *one.cost_usd;
    if (i % per_prompt == 0) {
      total.prompt_tokens += one.prompt_tokens;
      total.cached_tokens += one.cached_tokens;
    }
  }
  return total;
}

}  // namespace hearth::api
