// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "route.hpp"
#include "stream_source.hpp"

namespace hearth::api {

/// What comes next in an answer: more of the reasoning or of the text, another tool call, something opaque.
struct ContentBlock {
  enum class Kind : std::uint8_t { reasoning, text, tool_call, opaque };
  Kind kind = Kind::text;
  std::size_t begin = 0;    // in the reasoning or the text; of a call: its place among the calls
  std::size_t size = 0;     // in bytes
  std::string signature{};  // of the reasoning that ends here
  inference::Opaque opaque{};
};

/// One choice, whole.
struct CollectedChoice {
  inference::PromptDone prompt;
  std::string text;
  bool refused = false;  // the text says why there is no answer
  std::string reasoning;
  std::vector<inference::ToolCall> tool_calls;
  std::vector<ContentBlock> blocks;  // the order of all this
  std::vector<inference::TokenLogprob> logprobs;
  std::vector<inference::TokenId> tokens;
  inference::Finished finished;
};

/// Adds one event (not Failed) to the choice it belongs to, which grows the vector.
void add_event(std::vector<CollectedChoice>& choices, inference::Event event);

/// Reads streams to their end, all at the same time. The first Failed is returned as an error and the others are
/// cancelled. Notes usage in the call's record.
Task<Result<std::vector<CollectedChoice>>> async_collect(Call& call, std::vector<StreamSource> sources);

/// Of all choices; the prompt of choices that share one (`per_prompt` of them each) counts once.
inference::Usage total_usage(const std::vector<CollectedChoice>& choices, std::size_t per_prompt);

}  // namespace hearth::api
