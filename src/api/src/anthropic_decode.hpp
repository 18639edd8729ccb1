// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

/// Bodies of the Anthropic Messages API to native requests. Pure; fields as in npm @anthropic-ai/sdk 1.11. What would
/// change the answer and cannot be done is refused with its name.
namespace hearth::api::anthropic {

inline constexpr std::size_t kMaxMessages = 100'000;  // Anthropic's own limit
inline constexpr std::size_t kMaxBlocks = 10'000;     // content blocks of one message
inline constexpr std::size_t kMaxTools = 1'024;

struct MessagesRequest {
  inference::ChatRequest chat;
  bool stream = false;
  bool sealed = true;           // all thinking in it has a signature
  std::optional<Error> beyond;  // what only Anthropic's own servers can do
};

/// POST /v1/messages.
Result<MessagesRequest> decode_messages(std::string_view body);
/// POST /v1/messages/count_tokens: the same without max_tokens and sampling.
Result<inference::ChatRequest> decode_count_tokens(std::string_view body);

}  // namespace hearth::api::anthropic
