// SPDX-License-Identifier: Apache-2.0
#include "anthropic_encode.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::api::anthropic {
namespace {

using inference::Event;
using inference::Finished;
using inference::FinishReason;
using inference::PromptDone;
using inference::ReasoningDelta;
using inference::TextDelta;
using inference::ToolCallDelta;
using nlohmann::json;

Finished finished(FinishReason reason, std::int64_t tokens = 7) {
  Finished f;
  f.reason = reason;
  f.usage = {.prompt_tokens = 12, .cached_tokens = 5, .completion_tokens = tokens};
  return f;
}

std::string streamed(const std::vector<Event>& events) {
  MessageStream encoder{Head{.id = "msg_1", .request_id = "req_1", .model = "m", .max_tokens = 7}};
  std::string out;
  for (const Event& event : events) encoder.event(event, out);
  return out;
}

/// "event: a\ndata: {…}\n\n…" to pairs; also checks that the name repeats the data's type.
std::vector<json> parse(const std::string& bytes) {
  std::vector<json> out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = bytes.find("\n\n", at);
    EXPECT_NE(end, std::string::npos);
    const std::string frame = bytes.substr(at, end - at);
    const std::size_t data = frame.find("\ndata: ");
    EXPECT_TRUE(frame.starts_with("event: ")) << frame;
    out.push_back(json::parse(frame.substr(data + 7)));
    EXPECT_EQ(out.back()["type"], frame.substr(7, data - 7));
    at = end + 2;
  }
  return out;
}

/// The same as one message.
json gathered(const std::vector<Event>& events) {
  std::vector<CollectedChoice> choices;
  for (const Event& event : events) add_event(choices, event);
  return json::parse(
      message_body(Head{.id = "msg_1", .request_id = "req_1", .model = "m", .max_tokens = 100}, choices.at(0)));
}

Event text(std::string words) { return {0, TextDelta{.text = std::move(words), .logprobs = {}, .tokens = {}}}; }
Event opaque(std::string block) {
  return {0, inference::Opaque{.wire = inference::Wire::anthropic, .json = std::move(block)}};
}

std::string shape(const std::string& bytes) {
  std::string out;
  for (const json& event : parse(bytes)) {
    out += event["type"].get<std::string>();
    if (event.contains("index")) out += std::to_string(event["index"].get<int>());
    if (event.contains("content_block")) out += ":" + event["content_block"]["type"].get<std::string>();
    if (event.contains("delta") && event["delta"].contains("type")) {
      out += ":" + event["delta"]["type"].get<std::string>();
    }
    out += "\n";
  }
  return out;
}

TEST(AnthropicStream, ClosesTheThinkingBlockBeforeTheTextBegins) {
  const std::string bytes = streamed({{0, PromptDone{.prompt_tokens = 12, .cached_tokens = 5, .prompt_logprobs = {}}},
                                      {0, ReasoningDelta{"hm"}},
                                      {0, TextDelta{.text = "Hi", .logprobs = {}, .tokens = {}}},
                                      {0, TextDelta{.text = "!", .logprobs = {}, .tokens = {}}},
                                      {0, finished(FinishReason::stop)}});

  EXPECT_EQ(shape(bytes),
            "message_start\n"
            "ping\n"
            "content_block_start0:thinking\n"
            "content_block_delta0:thinking_delta\n"
            "content_block_delta0:signature_delta\n"
            "content_block_stop0\n"
            "content_block_start1:text\n"
            "content_block_delta1:text_delta\n"
            "content_block_delta1:text_delta\n"
            "content_block_stop1\n"
            "message_delta\n"
            "message_stop\n");
}

TEST(AnthropicStream, CountsCachedInputApartFromTheRest) {
  const auto events = parse(streamed({{0, PromptDone{.prompt_tokens = 12, .cached_tokens = 5, .prompt_logprobs = {}}},
                                      {0, finished(FinishReason::stop)}}));

  EXPECT_EQ(events[0]["message"]["usage"]["input_tokens"], 7);
  EXPECT_EQ(events[0]["message"]["usage"]["cache_read_input_tokens"], 5);
  EXPECT_EQ(events[0]["message"]["role"], "assistant");
  EXPECT_EQ(events[0]["message"]["content"], json::array());
  EXPECT_TRUE(events[0]["message"]["stop_reason"].is_null());
  EXPECT_EQ(events[2]["usage"]["output_tokens"], 7);
  EXPECT_EQ(events[2]["delta"]["stop_reason"], "end_turn");
}

TEST(AnthropicStream, SendsEachToolCallAsItsOwnBlock) {
  const auto events = parse(streamed({{0, PromptDone{}},
                                      {0, ToolCallDelta{.index = 0, .id = "a", .name = "f", .arguments = "{\"x\""}},
                                      {0, ToolCallDelta{.index = 0, .id = "", .name = "", .arguments = ":1}"}},
                                      {0, ToolCallDelta{.index = 1, .id = "", .name = "g", .arguments = "{}"}},
                                      {0, finished(FinishReason::tool_calls)}}));

  EXPECT_EQ(events[2]["content_block"], json::parse(R"({"type":"tool_use","id":"a","name":"f","input":{}})"));
  EXPECT_EQ(events[3]["delta"], json::parse(R"({"type":"input_json_delta","partial_json":"{\"x\""})"));
  EXPECT_EQ(events[5]["type"], "content_block_stop");
  EXPECT_EQ(events[6]["index"], 1);
  EXPECT_EQ(events[6]["content_block"]["name"], "g");
  EXPECT_TRUE(events[6]["content_block"]["id"].get<std::string>().starts_with("toolu_"));
  EXPECT_EQ(events[9]["delta"]["stop_reason"], "tool_use");
}

TEST(AnthropicStream, EndsAFailedStreamWithAnErrorEvent) {
  MessageStream encoder{Head{.id = "msg_1", .request_id = "req_1", .model = "m", .max_tokens = 7}};
  std::string out;

  encoder.failed(Error{ErrorCode::unavailable, "shutting down", {}, {}}, out);

  EXPECT_EQ(parse(out), (std::vector{json::parse(R"({"type":"error","error":{"type":"overloaded_error",
    "message":"shutting down"},"request_id":"req_1"})")}));
}

TEST(AnthropicStream, TellsTheEndOfTheContextFromTheEndOfMaxTokens) {
  EXPECT_EQ(stop_reason(finished(FinishReason::length, 7), 7), "max_tokens");
  EXPECT_EQ(stop_reason(finished(FinishReason::length, 6), 7), "model_context_window_exceeded");
}

TEST(AnthropicMessage, IsOneObjectWithTypedBlocks) {
  Finished end = finished(FinishReason::stop_sequence);
  end.stop_sequence = "END";
  const json message = gathered({{0, ReasoningDelta{"hm"}},
                                 text("a"),
                                 text("b"),
                                 {0, ToolCallDelta{.index = 0, .id = "t", .name = "f", .arguments = "{\"x\":1}"}},
                                 {0, ToolCallDelta{.index = 1, .id = "u", .name = "g", .arguments = "{\"cut"}},
                                 {0, end}});

  EXPECT_EQ(message, json::parse(R"({
    "id":"msg_1","type":"message","role":"assistant","model":"m",
    "content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"ab"},
               {"type":"tool_use","id":"t","name":"f","input":{"x":1}},
               {"type":"tool_use","id":"u","name":"g","input":{}}],
    "stop_reason":"stop_sequence","stop_sequence":"END",
    "usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":7}})"));
}

/// Two sealed thoughts, one of them without words, around a hidden one; a search and a text that cites.
const std::vector<Event> kRich{{0, ReasoningDelta{"one", "s1"}},
                               opaque(R"({"type":"redacted_thinking","data":"x"})"),
                               {0, ReasoningDelta{"", "s2"}},
                               text("I look."),
                               opaque(R"({"type":"server_tool_use","id":"t","name":"web_search","input":{"q":"a"}})"),
                               opaque(R"({"type":"text","text":"","citations":[]})"),
                               text("It is."),
                               opaque(R"({"type":"citations_delta","citation":{"url":"u"}})"),
                               opaque(R"({"type":"text","text":""})"),
                               text("So."),
                               {0, inference::Opaque{.wire = inference::Wire::gemini, .json = R"({"x":1})"}},
                               {0, finished(FinishReason::paused)}};

TEST(AnthropicMessage, KeepsTheOrderOfBlocksAndWhatOnlyAnthropicSays) {
  const json message = gathered(kRich);
  EXPECT_EQ(message["content"], json::parse(R"([
    {"type":"thinking","thinking":"one","signature":"s1"},
    {"type":"redacted_thinking","data":"x"},
    {"type":"thinking","thinking":"","signature":"s2"},
    {"type":"text","text":"I look."},
    {"type":"server_tool_use","id":"t","name":"web_search","input":{"q":"a"}},
    {"type":"text","text":"It is.","citations":[{"url":"u"}]},
    {"type":"text","text":"So."}])"));
  EXPECT_EQ(message["stop_reason"], "pause_turn");
}

TEST(AnthropicStream, KeepsTheOrderOfBlocksAndWhatOnlyAnthropicSays) {
  const std::string bytes = streamed(kRich);
  EXPECT_EQ(shape(bytes),
            "message_start\nping\n"
            "content_block_start0:thinking\n"
            "content_block_delta0:thinking_delta\n"
            "content_block_delta0:signature_delta\n"
            "content_block_stop0\n"
            "content_block_start1:redacted_thinking\n"
            "content_block_stop1\n"
            "content_block_start2:thinking\n"
            "content_block_delta2:signature_delta\n"
            "content_block_stop2\n"
            "content_block_start3:text\n"
            "content_block_delta3:text_delta\n"
            "content_block_stop3\n"
            "content_block_start4:server_tool_use\n"
            "content_block_delta4:input_json_delta\n"
            "content_block_stop4\n"
            "content_block_start5:text\n"
            "content_block_delta5:text_delta\n"
            "content_block_delta5:citations_delta\n"
            "content_block_stop5\n"
            "content_block_start6:text\n"
            "content_block_delta6:text_delta\n"
            "content_block_stop6\n"
            "message_delta\nmessage_stop\n");
  const auto events = parse(bytes);
  EXPECT_EQ(events[4]["delta"]["signature"], "s1");
  EXPECT_EQ(events[6]["content_block"], json::parse(R"({"type":"redacted_thinking","data":"x"})"));
  EXPECT_EQ(events[9]["delta"]["signature"], "s2");
  EXPECT_EQ(events[15]["delta"]["partial_json"], R"({"q":"a"})");
  EXPECT_EQ(events[19]["delta"]["citation"], json::parse(R"({"url":"u"})"));
}

TEST(AnthropicStream, SaysWhyItStopped) {
  EXPECT_EQ(stop_reason(finished(FinishReason::content_filter), 7), "refusal");
  EXPECT_EQ(stop_reason(finished(FinishReason::paused), 7), "pause_turn");
}

TEST(AnthropicModels, ListInTheirPageShape) {
  models::Model model;
  model.name = "small:latest";
  model.context_length = 2048;

  const json list = json::parse(model_list({model}));

  EXPECT_EQ(list["first_id"], "small:latest");
  EXPECT_EQ(list["last_id"], "small:latest");
  EXPECT_EQ(list["has_more"], false);
  EXPECT_EQ(list["data"][0]["type"], "model");
  EXPECT_EQ(list["data"][0]["created_at"], "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(list["data"][0]["max_input_tokens"], 2048);
  EXPECT_TRUE(json::parse(model_list({}))["first_id"].is_null());
}

}  // namespace
}  // namespace hearth::api::anthropic
