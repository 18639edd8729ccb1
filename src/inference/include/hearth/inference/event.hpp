// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "hearth/base/error.hpp"
#include "hearth/inference/request.hpp"

namespace hearth::inference {

struct TokenLogprob {
  struct Alternative {
    TokenId id = 0;
    std::string bytes;
    float logprob = 0;
  };
  TokenId id = 0;
  std::string bytes;  // as the tokenizer has them: not always whole UTF-8 characters
  float logprob = 0;
  std::vector<Alternative> top;  // most likely first
};

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, not computed again
  std::int64_t completion_tokens = 0;
  std::int64_t reasoning_tokens = 0;  // of the completion; an estimate by text share when the parser splits a token
  std::optional<double> cost_usd;     // of the whole request, with the usage of its last choice; set by the router

  /// Another choice for the same prompt, which counts once.
  void add_choice(const Usage& other) {
    prompt_tokens = std::max(prompt_tokens, other.prompt_tokens);
    cached_tokens = std::max(cached_tokens, other.cached_tokens);
    completion_tokens += other.completion_tokens;
    reasoning_tokens += other.reasoning_tokens;
    if (other.cost_usd) cost_usd = other.cost_usd;
  }
};

struct Timings {
  std::chrono::nanoseconds load{};    // waiting for the model to be loaded
  std::chrono::nanoseconds queue{};   // waiting for admission
  std::chrono::nanoseconds prompt{};  // from admission to the first token
  std::chrono::nanoseconds generation{};
};

/// The prompt has been accepted and computed. First event of every choice; prompt_logprobs only if asked for, one a
/// token (the first, which nothing predicts, is 0).
struct PromptDone {
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::vector<TokenLogprob> prompt_logprobs;
};

/// Text of the answer. Always whole UTF-8 characters. `logprobs` has one entry a token that ended in this delta.
struct TextDelta {
  std::string text;
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenId> tokens;
  bool refusal = false;  // it says why there is no answer, where the protocol keeps that apart
};
struct ReasoningDelta {
  std::string text;
  std::string signature{};  // Anthropic's seal of the block that ends here, to be handed back unchanged
};
/// A new index opens a call; `id` and `name` come with the first delta of an index, arguments may come in pieces.
struct ToolCallDelta {
  std::size_t index = 0;
  std::string id;
  std::string name;
  std::string arguments;
  std::string signature{};  // Gemini's seal of the thoughts before the call
};
/// What only its own protocol has a word for. Encoders of that protocol write it back where it stood, others leave it
/// out. JSON text: a content block or a delta of citations (Anthropic), members of a candidate (Gemini), members of a
/// delta (OpenAI).
struct Opaque {
  Wire wire = Wire::none;
  std::string json;
};

enum class FinishReason : std::uint8_t {
  stop,           // the model ended its turn
  stop_sequence,  // one of Generation::stop
  length,         // max_tokens, the time limit or the context
  tool_calls,
  content_filter,  // the model refused, or a filter took the rest away
  paused,          // the server wants the answer back to go on with it
};

struct Finished {
  FinishReason reason = FinishReason::stop;
  std::string stop_sequence;
  Usage usage;  // of this choice
  Timings timings;
  double mean_logprob = 0;  // over the generated tokens: the engine's own confidence, exp() of it in (0, 1]
};

/// Ends the stream of all choices.
struct Failed {
  Error error;
};

/// One thing that happened to one choice. Order per choice: PromptDone, deltas, Finished. Choices interleave.
/// A stream ends after every choice has Finished, or with one Failed.
struct Event {
  std::int32_t choice = 0;
  std::variant<PromptDone, TextDelta, ReasoningDelta, ToolCallDelta, Opaque, Finished, Failed> body;
};

/// Something a client can use: what comes before it is a promise.
inline bool is_content(const Event& event) {
  if (const auto* text = std::get_if<TextDelta>(&event.body)) return !text->text.empty();
  if (const auto* thought = std::get_if<ReasoningDelta>(&event.body)) return !thought->text.empty();
  return !std::holds_alternative<PromptDone>(event.body) && !std::holds_alternative<Failed>(event.body);
}

}  // namespace hearth::inference
