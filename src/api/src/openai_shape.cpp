// SPDX-License-Identifier: Apache-2.0
#include "openai_shape.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <iterator>

#include "hearth/base/id.hpp"
#include "json_write.hpp"

namespace hearth::api::openai {
namespace {

void append_bytes(std::string& out, std::string_view bytes) {
  out += '[';
  for (const char c : bytes) {
    if (out.back() != '[') out += ',';
    fmt::format_to(std::back_inserter(out), "{}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  out += ']';
}

void append_token(std::string& out, std::string_view bytes, float logprob) {
  out += R"({"token":)";
  append_json_string(out, bytes);
  out += R"(,"logprob":)";
  append_json_number(out, logprob);
  out += R"(,"bytes":)";
  append_bytes(out, bytes);
}

}  // namespace

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::int64_t unix_seconds(WallClock::time_point at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

std::string_view finish_word(inference::FinishReason reason) {
  switch (reason) {
    case inference::FinishReason::stop:
    case inference::FinishReason::stop_sequence:
    case inference::FinishReason::paused: return "stop";
    case inference::FinishReason::length: return "length";
    case inference::FinishReason::tool_calls: return "tool_calls";
    case inference::FinishReason::content_filter: return "content_filter";
  }
  return "stop";
}

void append_usage(std::string& out, const inference::Usage& usage) {
  fmt::format_to(
      std::back_inserter(out),
      FMT_COMPILE(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{)"
                  R"("cached_tokens":{}}},"completion_tokens_details":{{"reasoning_tokens":{}}})"),
      usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens + usage.completion_tokens, usage.cached_tokens,
      usage.reasoning_tokens);
  if (usage.cost_usd) {
    out += R"(,"cost":)";
    append_json_number(out, *usage.cost_usd);
  }
  out += '}';
}

void append_logprob(std::string& out, const inference::TokenLogprob& token) {
  append_token(out, token.bytes, token.logprob);
  out += R"(,"top_logprobs":[)";
  for (const auto& other : token.top) {
    if (out.back() != '[') out += ',';
    append_token(out, other.bytes, other.logprob);
    out += '}';
  }
  out += "]}";
}

std::string chat_logprobs(const std::vector<inference::TokenLogprob>& tokens) {
  std::string out = R"({"content":[)";
  for (const auto& token : tokens) {
    if (out.back() != '[') out += ',';
    append_logprob(out, token);
  }
  return out += R"(],"refusal":null})";
}

void append_tool_calls(std::string& out, const std::vector<inference::ToolCall>& calls) {
  out += '[';
  for (const inference::ToolCall& call : calls) {
    if (out.back() != '[') out += ',';
    out += R"({"id":)";
    append_json_string(out, call.id);
    out += R"(,"type":"function","function":{"name":)";
    append_json_string(out, call.name);
    out += R"(,"arguments":)";
    append_json_string(out, call.arguments);
    out += "}}";
  }
  out += ']';
}

Head make_head(const Call& call, std::string_view prefix, std::string model) {
  return Head{random_id(prefix), std::move(model), unix_seconds(WallClock::now()),
              "hearth-" + call.shared().services.version};
}

}  // namespace hearth::api::openai
