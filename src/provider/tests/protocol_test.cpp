// SPDX-License-Identifier: Apache-2.0
// Recorded shapes of the servers' answers to native events, and native requests to what the servers want.
#include "protocol.hpp"

#include <gmock/gmock.h>

#include "json_text.hpp"

namespace hearth::provider {
namespace {

using inference::Event;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Events in a short form, one line each.
std::string shown(const Event& event) {
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

std::vector<std::string> decode(AnswerDecoder& decoder, std::string_view bytes, std::size_t piece) {
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
std::vector<std::string> decoded(const Protocol& protocol, std::string_view bytes, std::int32_t n = 1,
                                 bool chat = true) {
  const auto fresh = [&] { return chat ? protocol.chat_decoder(n) : protocol.completion_decoder(n); };
  const auto whole = decode(*fresh(), bytes, bytes.size() + 1);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U}) EXPECT_EQ(decode(*fresh(), bytes, piece), whole) << piece;
  return whole;
}

inference::ChatRequest chat(std::string text = "hi") {
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
inference::ChatRequest with_tools() {
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
Json body_of(const Result<HttpCall>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? parse_json(call->body) : Json{};
}

const auto kOpenAi = make_openai_protocol(Dialect::openai);
const auto kVllm = make_openai_protocol(Dialect::vllm);
const auto kLlama = make_openai_protocol(Dialect::llama_server);
const auto kAnthropic = make_anthropic_protocol();
const auto kOllama = make_ollama_protocol();

// --- OpenAI and its dialects ------------------------------------------------------------------------------------

TEST(OpenAi, AStreamWithUsageAtItsEnd) {
  EXPECT_THAT(
      decoded(
          *kOpenAi,
          R"(data: {"id":"c","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hel"}}]}

: keep alive

data: {"id":"c","choices":[{"index":0,"delta":{"content":"lo"}}]}

data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}

data: [DONE]

)"),
      ElementsAre("prompt 0", "text Hel", "text lo", "finished stop 9+2"));
}

TEST(OpenAi, ToolCallsComeInPiecesOrWholeAndMissingIdsAreMade) {
  EXPECT_THAT(
      decoded(
          *kOpenAi,
          R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"name":"g","arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: [DONE]

)"),
      ElementsAre("prompt 0", "call 0 a f ", "call 0   {\"x\"", "call 0   :1}", "call 1 made g {}",
                  "finished tool_calls 0+0"));
}

TEST(OpenAi, CallsThatShareAnIndexAreToldApartByTheirIds) {
  const auto chunk = [](std::string_view call) {
    return R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[)" + std::string{call} + "]}}]}\n\n";
  };
  const std::string end =
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
  EXPECT_THAT(decoded(*kOpenAi, chunk(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{}"}})") +
                                    chunk(R"({"index":0,"id":"b","function":{"name":"g","arguments":""}})") +
                                    chunk(R"({"index":0,"function":{"arguments":"{}"}})") +
                                    chunk(R"({"index":1,"id":"c","function":{"name":"h","arguments":"{}"}})") + end),
              ElementsAre("prompt 0", "call 0 a f {}", "call 1 b g ", "call 1   {}", "call 2 c h {}",
                          "finished tool_calls 0+0"));
  // An id made up for each piece, and a name that comes again.
  EXPECT_THAT(decoded(*kOpenAi, chunk(R"({"index":0,"id":"a","function":{"name":"f","arguments":""}})") +
                                    chunk(R"({"index":0,"id":"b","function":{"arguments":"{"}})") +
                                    chunk(R"({"index":0,"id":"a","function":{"name":"f","arguments":"}"}})") + end),
              ElementsAre("prompt 0", "call 0 a f ", "call 0   {", "call 0   }", "finished tool_calls 0+0"));
}

TEST(OpenAi, ReasoningHasTwoNames) {
  for (const char* name : {"reasoning_content", "reasoning"}) {
    EXPECT_THAT(decoded(*kVllm, std::string{R"(data: {"choices":[{"index":0,"delta":{")"} + name +
                                    "\":\"hm\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yes\"},"
                                    "\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"),
                ElementsAre("prompt 0", "thought hm", "text yes", "finished length 0+0"));
  }
}

TEST(OpenAi, RefusalsAndFiltersAreNoOrdinaryEnds) {
  EXPECT_THAT(
      decoded(*kOpenAi, R"(data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}]}

data: {"choices":[{"index":0,"delta":{"refusal":"I can't do that."}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

)"),
      ElementsAre("prompt 0", "refusal I can't do that.", "finished content_filter 0+0"));
  EXPECT_THAT(
      decoded(*kOpenAi, R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"content_filter"}]}

data: [DONE]

)"),
      ElementsAre("prompt 0", "text a", "finished content_filter 0+0"));
}

TEST(OpenAi, WhatNoNativeEventSaysIsKept) {
  EXPECT_THAT(
      decoded(
          *kOpenAi,
          R"(data: {"choices":[{"index":0,"delta":{"content":"a","annotations":[{"type":"url_citation"}],"odd":null,"none":[]}}]}

data: {"choices":[{"index":0,"delta":{"audio":{"data":"AA"}},"finish_reason":"stop"}]}

data: [DONE]

)"),
      ElementsAre("prompt 0", "text a", R"(opaque {"annotations":[{"type":"url_citation"}]})",
                  R"(opaque {"audio":{"data":"AA"}})", "finished stop 0+0"));
}

TEST(OpenAi, ServersSayWhichStopStringItWas) {
  const auto end_of = [](const std::string& fields) {
    const auto decoder = kVllm->chat_decoder(1);
    std::vector<Event> events;
    decoder->feed(
        R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop",)" + fields + "}]}\n\ndata: [DONE]\n\n",
        events);
    return std::get<inference::Finished>(events.back().body);
  };
  EXPECT_EQ(end_of(R"("stop_reason":"END")").stop_sequence, "END");
  EXPECT_EQ(end_of(R"("matched_stop":"END")").stop_sequence, "END");
  EXPECT_EQ(end_of(R"("matched_stop":"END")").reason, inference::FinishReason::stop_sequence);
  EXPECT_EQ(end_of(R"("matched_stop":151645)").reason, inference::FinishReason::stop) << "a token ended the turn";
}

TEST(OpenAi, SeveralChoicesInterleaveAndUsageCountsOnce) {
  EXPECT_THAT(decoded(*kOpenAi, R"(data: {"choices":[{"index":1,"delta":{"content":"b"}}]}

data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}

data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}

data: {"choices":[{"index":7,"delta":{"content":"nobody asked"}}]}

data: [DONE]

)",
                      2),
              ElementsAre("prompt 0", "text b", "prompt 0", "text a", "finished stop 3+2", "finished stop 0+0"));
}

TEST(OpenAi, ATextCompletionStreamsText) {
  EXPECT_THAT(
      decoded(
          *kVllm,
          "data: {\"choices\":[{\"index\":0,\"text\":\"once\",\"finish_reason\":\"stop\",\"stop_reason\":\"END\"}]}\n\n"
          "data: [DONE]\n\n",
          1, false),
      ElementsAre("prompt 0", "text once", "finished stop_sequence 0+0"));
}

TEST(OpenAi, BadStreamsFailAndNeverPassForAnswers) {
  const auto failed = [](std::string_view text) { return ElementsAre(HasSubstr(std::string{text})); };
  EXPECT_THAT(decoded(*kOpenAi, ""), failed("failed upstream_error the stream ended before the answer did"));
  EXPECT_THAT(decoded(*kOpenAi, "data: [DONE]\n\n"), failed("failed upstream_error"));
  EXPECT_THAT(decoded(*kOpenAi, "data: {\"choices\":\n\n"), failed("no JSON object"));
  EXPECT_THAT(decoded(*kOpenAi, "<html>hello</html>"), failed("failed upstream_error"));
  EXPECT_THAT(decoded(*kOpenAi, "data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\"}}\n\n"),
              failed("failed rate_limit_exceeded slow down"));
  EXPECT_THAT(decoded(*kOpenAi, "data: {\"error\":\"plain\"}\n\n"), failed("failed upstream_error plain"));
  EXPECT_THAT(decoded(*kOpenAi, "data: " + std::string(100'000, '[') + "\n\n"), failed("no JSON object"));
}

TEST(OpenAi, WrongTypesAreNoCrash) {
  for (const char* chunk :
       {R"({"choices":[null,5,"x",{}]})", R"({"choices":{"a":1}})", R"({"choices":[{"index":-1,"delta":5}]})",
        R"({"choices":[{"index":1e300,"delta":{"content":7}}]})", R"({"usage":"much","model":[]})",
        R"({"choices":[{"index":0,"delta":{"tool_calls":[null,{"index":99999}]},"logprobs":{"content":[1,{}]}}]})"}) {
    const auto events = decoded(*kOpenAi, std::string{"data: "} + chunk + "\n\ndata: [DONE]\n\n");
    EXPECT_THAT(events.back(), HasSubstr("failed")) << chunk;
  }
}

TEST(OpenAi, ProbabilitiesBecomeTheMeanLogprob) {
  std::vector<Event> events;
  const auto decoder = kOpenAi->chat_decoder(1);
  decoder->feed(
      R"(data: {"choices":[{"index":0,"delta":{"content":"ab"},"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[{"token":"z","logprob":-2}]},{"token":"b","logprob":-3}]},"finish_reason":"stop"}]}

)",
      events);
  decoder->finish(events);
  const auto& text = std::get<inference::TextDelta>(events.at(1).body);
  ASSERT_EQ(text.logprobs.size(), 2U);
  EXPECT_EQ(text.logprobs[0].bytes, "a");
  EXPECT_EQ(text.logprobs[0].top.at(0).bytes, "z");
  EXPECT_DOUBLE_EQ(std::get<inference::Finished>(events.at(2).body).mean_logprob, -2);
}

TEST(OpenAi, RequestsHaveWhatTheDialectKnowsAndRefuseTheRestByName) {
  auto request = chat();
  request.generation.max_tokens = 5;
  EXPECT_EQ(body_of(kOpenAi->chat(request))["max_completion_tokens"], 5);
  EXPECT_EQ(body_of(kVllm->chat(request))["max_tokens"], 5);
  EXPECT_EQ(body_of(kVllm->chat(request))["stream_options"]["include_usage"], true);
  request.generation.sampling.top_k = 40;
  EXPECT_THAT(kOpenAi->chat(request).error().message, HasSubstr("top_k"));
  EXPECT_EQ(body_of(kVllm->chat(request))["top_k"], 40);
  request.generation.sampling.mirostat = 2;
  EXPECT_EQ(kVllm->chat(request).error().param, "mirostat");
  EXPECT_EQ(body_of(kLlama->chat(request))["mirostat"], 2);

  auto regex = chat();
  regex.generation.constraint = {.kind = inference::Constraint::Kind::regex, .text = "a+", .choices = {}};
  EXPECT_EQ(body_of(kVllm->chat(regex))["structured_outputs"]["regex"], "a+");
  EXPECT_THAT(kOpenAi->chat(regex).error().message, HasSubstr("regular expression"));
  EXPECT_EQ(kOpenAi->chat(regex).error().code, ErrorCode::unsupported);
  const auto sglang = make_sglang_protocol();
  EXPECT_EQ(body_of(sglang->chat(regex))["regex"], "a+");
  regex.generation.constraint = {.kind = inference::Constraint::Kind::choice, .text = {}, .choices = {"yes", "a.b(c)"}};
  EXPECT_EQ(body_of(sglang->chat(regex))["regex"], R"((yes|a\.b\(c\)))");
}

TEST(OpenAi, MessagesWithToolsImagesAndSystemDefaults) {
  auto request = with_tools();
  request.system_default = "be kind";
  request.messages[0].content.push_back(inference::ImagePart{.mime_type = "image/png", .bytes = "PNG", .url = ""});
  request.tool_choice = {.mode = inference::ToolChoice::Mode::named, .name = "now"};
  const Json body = body_of(kOpenAi->chat(request));
  EXPECT_EQ(body["messages"][0]["role"], "system");
  EXPECT_EQ(body["messages"][1]["content"][1]["image_url"]["url"], "data:image/png;base64,UE5H");
  EXPECT_EQ(body["messages"][2]["tool_calls"][0]["function"]["arguments"], R"({"zone":"utc"})");
  EXPECT_EQ(body["messages"][3]["tool_call_id"], "c1");
  EXPECT_EQ(body["tool_choice"]["function"]["name"], "now");
}

TEST(OpenAi, ErrorsKeepTheirMeaning) {
  net::Headers headers;
  headers.add("Retry-After", "7");
  const Error limited = kOpenAi->error(429, headers, R"({"error":{"message":"slow","type":"x"}})");
  EXPECT_EQ(limited.code, ErrorCode::rate_limited);
  EXPECT_EQ(limited.retry_after, std::chrono::seconds{7});
  EXPECT_EQ(kOpenAi->error(401, {}, "{}").code, ErrorCode::upstream_error);
  EXPECT_EQ(kOpenAi->error(503, {}, "<html>").code, ErrorCode::upstream_unavailable);
  EXPECT_EQ(kOpenAi->error(400, {}, R"({"error":{"message":"x","code":"context_length_exceeded"}})").code,
            ErrorCode::context_too_long);
  EXPECT_EQ(kVllm->error(400, {}, R"({"message":"This model's maximum context length is 10 tokens."})").code,
            ErrorCode::context_too_long);
  EXPECT_THAT(kVllm->error(422, {}, R"({"detail":"no such field"})").message, HasSubstr("no such field"));
  EXPECT_LT(kOpenAi->error(400, {}, std::string(100'000, 'x')).message.size(), 600U);
}

TEST(OpenAi, OnlyAFaultOfTheRequestIsOne) {
  for (const int status : {401, 402, 403, 404, 405, 409, 410, 415, 451}) {
    EXPECT_EQ(kOpenAi->error(status, {}, "{}").code, ErrorCode::upstream_error) << status;
  }
  for (const int status : {400, 422}) EXPECT_EQ(kOpenAi->error(status, {}, "{}").code, ErrorCode::invalid_request);
  EXPECT_EQ(kOpenAi->error(413, {}, "{}").code, ErrorCode::payload_too_large);
  EXPECT_EQ(kAnthropic
                ->error(400, {},
                        R"({"type":"error","error":{"type":"invalid_request_error",
                            "message":"Your credit balance is too low to access the Anthropic API."}})")
                .code,
            ErrorCode::upstream_error);
}

TEST(OpenAi, AWaitHasABoundHoweverLongTheServerSays) {
  const auto wait = [](const char* name, const char* value) {
    net::Headers headers;
    headers.add(name, value);
    return kOpenAi->error(429, headers, "{}").retry_after;
  };
  EXPECT_EQ(wait("retry-after-ms", "1500"), std::chrono::seconds{2});
  EXPECT_EQ(wait("retry-after-ms", "9223372036854775807"), std::chrono::hours{1});
  EXPECT_EQ(wait("Retry-After", "99999999999999999999"), std::chrono::hours{1});
}

TEST(OpenAi, EmbeddingsComeInTheOrderOfTheirIndex) {
  const auto vectors = kOpenAi->embeddings(
      R"({"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":5}})");
  ASSERT_TRUE(vectors);
  EXPECT_THAT(vectors->vectors, ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4)));
  EXPECT_EQ(vectors->prompt_tokens, 5);
  for (const char* bad : {"", "{}", R"({"data":[{"embedding":"AAAA"}]})", R"({"data":[{"index":9,"embedding":[1]}]})",
                          R"({"data":[{"embedding":[null]}]})"}) {
    EXPECT_EQ(kOpenAi->embeddings(bad).error().code, ErrorCode::upstream_error) << bad;
  }
}

// --- Anthropic --------------------------------------------------------------------------------------------------

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

// --- Ollama -----------------------------------------------------------------------------------------------------

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
}  // namespace hearth::provider
