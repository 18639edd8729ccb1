// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "openai_chat_request.hpp"
#include "openai_input.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxPrompts = 128;  // of one request
inline constexpr std::int64_t kMaxCompletionLogprobs = 20;

struct CompletionCall {
  inference::CompletionRequest request;  // without its prompt; generation.n is best_of
  std::vector<Input> prompts;
  std::int32_t n = 1;  // answers to show a prompt, the best of generation.n
  bool echo = false;
  View view;
};

/// The body of POST /v1/completions. Pure.
Result<CompletionCall> read_completion(std::string_view body);

}  // namespace hearth::api::openai
