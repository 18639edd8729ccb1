// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "json_text.hpp"
#include "protocol.hpp"

namespace hearth::provider::testing {

using inference::Event;

/// Events in a short form, one line each.
inline std::string shown(const Event& event) {
  struct {
    std::string operator()(const inference::PromptDone& e) const { return "prompt " + std::to_string(e.prompt_tokens); }
    std::string operator()(const inference::TextDelta& e) const { return (e.refusal ? "refusal " : "text ") + e.text; }
    std::string operator()(const inference::ReasoningDelta& e) const { return "thought " + e.text; }
    std::string operator()(const inference::Opaque& e) const { return "opaque " + e.json; }
    std::string operator()(const inference::ToolCallDelta& e) const {
      const bool made = e.id.size() == std::string_view{"call_"}.size() + 24;  // by random_id
      return "call " + std::to_string(e.index) + " " + (made ? "made" : e.id) + " " + e.name + " " + e.arguments;
    }
    std::string operator()(const inference::Finished& e) const {
      static constexpr const char* kReasons[] = {"stop",       "stop_sequence",  "length",
                                                 "tool_calls", "content_filter", "paused"};
      return std::string{"finished "} + kReasons[static_cast<int>(e.reason)] + " " +
             std::to_string(e.usage.prompt_tokens) + "+" + std::to_string(e.usage.completion_tokens);
    }
    std::string operator()(const inference::Failed& e) const {
      return "failed " + std::string{traits(e.error.code).name} + " " + e.error.message;
    }
  } show;
  return std::visit(show, event.body);
}

inline std::vector<std::string> decode(AnswerDecoder& decoder, std::string_view bytes, std::size_t piece) {
  std::vector<Event> events;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    decoder.feed(bytes.substr(0, piece), events);
  }
  decoder.finish(events);
  std::vector<std::string> out;
  for (const Event& event : events) out.push_back(shown(event));
  return out;
}

/// The events of an answer; the same however it is cut.
inline std::vector<std::string> decoded(const Protocol& protocol, std::string_view bytes, std::int32_t n = 1,
                                        bool chat = true) {
  const auto fresh = [&] { return chat ? protocol.chat_decoder(n) : protocol.completion_decoder(n); };
  const auto whole = decode(*fresh(), bytes, bytes.size() + 1);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U}) EXPECT_EQ(decode(*fresh(), bytes, piece), whole) << piece;
  return whole;
}

inline inference::ChatRequest chat(std::string text = "hi") {
  inference::ChatRequest request;
  request.model = "m";
  request.messages.push_back({.role = "user",
                              .content = {inference::TextPart{std::move(text)}},
                              .reasoning = {},
                              .tool_calls = {},
                              .tool_call_id = {},
                              .tool_name = {}});
  return request;
}
inline inference::ChatRequest with_tools() {
  auto request = chat();
  request.messages.push_back({.role = "assistant",
                              .content = {},
                              .reasoning = {},
                              .tool_calls = {{.id = "c1", .name = "now", .arguments = R"({"zone":"utc"})"}},
                              .tool_call_id = {},
                              .tool_name = {}});
  request.messages.push_back({.role = "tool",
                              .content = {inference::TextPart{"noon"}},
                              .reasoning = {},
                              .tool_calls = {},
                              .tool_call_id = "c1",
                              .tool_name = "now"});
  request.tools.push_back({.name = "now", .description = "the time", .parameters = "{}", .strict = false});
  return request;
}
inline Json body_of(const Result<HttpCall>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? parse_json(call->body) : Json{};
}

}  // namespace hearth::provider::testing
