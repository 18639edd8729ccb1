// SPDX-License-Identifier: Apache-2.0
// Recorded shapes of Anthropic's and Ollama's answers to native events, and native requests to theirs.
#include "protocol_fixture.hpp"

namespace hearth::provider::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const auto kAnthropic = make_anthropic_protocol();
const auto kOllama = make_ollama_protocol();

TEST(Anthropic, AStreamOfThinkingTextAndTools) {
  EXPECT_THAT(
      decoded(*kAnthropic, R"(event: message_start
data: {"type":"message_start","message":{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"yes"}}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"now","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":12}}

event: message_stop
data: {"type":"message_stop"}

)"),
      ElementsAre("prompt 16", "thought hm", "text yes", "call 0 t1 now ", "call 0   {}", "finished tool_calls 16+12"));
}

TEST(Anthropic, ErrorsInsideAndBeforeTheStream) {
  EXPECT_THAT(decoded(*kAnthropic,
                      "event: error\ndata: "
                      "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"),
              ElementsAre("failed upstream_unavailable Overloaded"));
  EXPECT_THAT(decoded(*kAnthropic, "data: {\"type\":\"message_start\",\"message\":{}}\n\n"),
              ElementsAre("prompt 0", HasSubstr("ended before the answer")));
  EXPECT_EQ(kAnthropic->error(529, {}, R"({"type":"error","error":{"type":"overloaded_error","message":"x"}})").code,
            ErrorCode::upstream_unavailable);
  EXPECT_EQ(kAnthropic->error(400, {}, R"({"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}})").code,
            ErrorCode::context_too_long);
}

TEST(Anthropic, AnEmptyAccountIsNoFaultOfTheRequest) {
  EXPECT_EQ(kAnthropic
                ->error(400, {},
                        R"({"type":"error","error":{"type":"invalid_request_error",
                            "message":"Your credit balance is too low to access the Anthropic API."}})")
                .code,
            ErrorCode::upstream_error);
}

TEST(Anthropic, RequestsAreInItsShape) {
  auto request = with_tools();
  request.messages.insert(request.messages.begin(), {.role = "system",
                                                     .content = {inference::TextPart{"be brief"}},
                                                     .reasoning = {},
                                                     .tool_calls = {},
                                                     .tool_call_id = {},
                                                     .tool_name = {}});
  request.messages.push_back(chat("and now?").messages[0]);
  request.parallel_tool_calls = false;
  const auto call = kAnthropic->chat(request);
  const Json body = body_of(call);
  EXPECT_EQ(call->path, "/v1/messages");
  EXPECT_EQ(call->headers.get("anthropic-version"), "2023-06-01");
  EXPECT_EQ(body["system"][0]["text"], "be brief");
  EXPECT_EQ(body["max_tokens"], 4096);
  ASSERT_EQ(body["messages"].size(), 3U) << "the tool's result and the question are one message of the user";
  EXPECT_EQ(body["messages"][1]["content"][0]["input"]["zone"], "utc");
  EXPECT_EQ(body["messages"][2]["content"][0]["type"], "tool_result");
  EXPECT_EQ(body["messages"][2]["content"][1]["text"], "and now?");
  EXPECT_EQ(body["tools"][0]["input_schema"]["type"], "object");
  EXPECT_EQ(body["tool_choice"]["disable_parallel_tool_use"], true);
}

TEST(Anthropic, WhatItCannotCarryIsNamed) {
  auto request = chat();
  request.generation.sampling.seed = 5;
  EXPECT_THAT(kAnthropic->chat(request).error().message, HasSubstr("seed"));
  request = chat();
  request.generation.n = 2;
  EXPECT_THAT(kAnthropic->chat(request).error().message, HasSubstr("n, several"));
  request = chat();
  request.generation.sampling.repeat_penalty = 1;  // the default: nothing is asked for
  EXPECT_TRUE(kAnthropic->chat(request));
  EXPECT_EQ(kAnthropic->complete({}).error().code, ErrorCode::unsupported);
  EXPECT_EQ(kAnthropic->embed({}).error().code, ErrorCode::unsupported);
}

TEST(Ollama, LinesOfAChatWithThinkingAndTools) {
  EXPECT_THAT(
      decoded(*kOllama, R"({"model":"q","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
{"model":"q","message":{"role":"assistant","content":"yes"},"done":false}
{"model":"q","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"now","arguments":{"zone":"utc"}}}]},"done":false}
{"model":"q","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":4}
)"),
      ElementsAre("prompt 0", "thought hm", "text yes", "call 0 made now {\"zone\":\"utc\"}",
                  "finished tool_calls 11+4"));
}

TEST(Ollama, GenerateAndErrors) {
  EXPECT_THAT(decoded(*kOllama,
                      "{\"response\":\"once\",\"done\":false}\n{\"response\":\"\",\"done\":true,\"done_reason\":"
                      "\"length\",\"eval_count\":1}",
                      1, false),
              ElementsAre("prompt 0", "text once", "finished length 0+1"));
  EXPECT_THAT(decoded(*kOllama, "{\"error\":\"model requires more memory\"}\n"),
              ElementsAre("failed upstream_error model requires more memory"));
  EXPECT_THAT(decoded(*kOllama, "{\"message\":{\"content\":\"cut\"},\"done\":false}\n"),
              ElementsAre("prompt 0", "text cut", HasSubstr("failed upstream_error")));
  EXPECT_THAT(kOllama->error(404, {}, R"({"error":"model 'x' not found"})").message, HasSubstr("model 'x' not found"));
}

TEST(Ollama, RequestsAreInItsShape) {
  auto request = with_tools();
  request.generation.max_tokens = 9;
  request.generation.sampling.temperature = 0.5F;
  request.generation.constraint.kind = inference::Constraint::Kind::json_object;
  const Json body = body_of(kOllama->chat(request));
  EXPECT_EQ(body["options"]["num_predict"], 9);
  EXPECT_EQ(body["format"], "json");
  EXPECT_EQ(body["messages"][1]["tool_calls"][0]["function"]["arguments"]["zone"], "utc");
  EXPECT_EQ(body["messages"][1]["tool_calls"][0]["id"], "c1");
  EXPECT_EQ(body["messages"][2]["tool_name"], "now");
  EXPECT_EQ(body["messages"][2]["tool_call_id"], "c1");
  request.tool_choice.mode = inference::ToolChoice::Mode::required;
  EXPECT_THAT(kOllama->chat(request).error().message, HasSubstr("tool_choice"));
  inference::CompletionRequest raw;
  raw.prompt = "Once";
  EXPECT_EQ(body_of(kOllama->complete(raw))["raw"], true);
}

TEST(Ollama, AnAnswerFromACloudIsRefusedWhereTheServerIsInNone) {
  const std::string answer =
      R"({"model":"m","remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443","message":{"content":"hi"},"done":true})";
  EXPECT_THAT(decoded(*make_ollama_protocol(), answer),
              ElementsAre(AllOf(HasSubstr("failed upstream_error"), HasSubstr("https://ollama.com:443"))));
  EXPECT_THAT(decoded(*make_ollama_protocol({.contexts = {}, .may_relay = true}), answer),
              ElementsAre("prompt 0", "text hi", "finished stop 0+0"));
}

TEST(Ollama, NothingIsCutSilently) {
  const auto ollama = make_ollama_protocol({.contexts = {{"m", 8192}}, .may_relay = false});
  inference::CompletionRequest raw;
  raw.model = "m";
  raw.prompt = "Once";
  for (const Json& body : {body_of(ollama->chat(chat())), body_of(ollama->complete(raw))}) {
    EXPECT_EQ(body["truncate"], false);
    EXPECT_EQ(body["shift"], false);
    EXPECT_EQ(body["options"]["num_ctx"], 8192);
  }
  auto request = chat();
  request.model = "of another size";
  request.generation.max_tokens = 9;
  EXPECT_EQ(body_of(ollama->chat(request))["options"], (Json{{"num_predict", 9}}));
  for (const int status : {400, 413, 500}) {
    for (const char* words : {"the input length exceeds the context length",
                              "request (9 tokens) exceeds the available context size (8 tokens)"}) {
      EXPECT_EQ(kOllama->error(status, {}, dump({{"error", words}})).code, ErrorCode::context_too_long) << words;
    }
  }
  EXPECT_THAT(decoded(*kOllama, "{\"error\":\"the input length exceeds the context length\"}\n"),
              ElementsAre(HasSubstr("failed context_length_exceeded")));
}

}  // namespace
}  // namespace hearth::provider::testing
