// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "stream_collect.hpp"

/// Pieces of OpenAI's objects that several routes share. Pure.
namespace hearth::api::openai {

using Json = nlohmann::ordered_json;

/// Compact text; bytes that are not UTF-8 become U+FFFD.
std::string dump(const Json& value);

std::int64_t unix_seconds(WallClock::time_point at);

/// "stop", "length", "tool_calls" or "content_filter".
std::string_view finish_word(inference::FinishReason reason);

/// usage of chat and completions, appended as text.
void append_usage(std::string& out, const inference::Usage& usage);

/// One entry of logprobs.content, appended as text: {"token","logprob","bytes","top_logprobs"}.
void append_logprob(std::string& out, const inference::TokenLogprob& token);
/// {"content":[…],"refusal":null}
std::string chat_logprobs(const std::vector<inference::TokenLogprob>& tokens);

/// tool_calls of a message, appended as text.
void append_tool_calls(std::string& out, const std::vector<inference::ToolCall>& calls);

/// What the answers of one request share.
struct Head {
  std::string id;
  std::string model;
  std::int64_t created = 0;
  std::string fingerprint;
};
Head make_head(const Call& call, std::string_view prefix, std::string model);

}  // namespace hearth::api::openai
