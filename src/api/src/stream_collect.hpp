// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "route.hpp"
#include "stream_source.hpp"

namespace hearth::api {

/// One choice, whole.
struct CollectedChoice {
  inference::PromptDone prompt;
  std::string text;
  std::string reasoning;
  std::string signature;  // of the reasoning
  std::vector<inference::ToolCall> tool_calls;
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
