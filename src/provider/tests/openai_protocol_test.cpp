// SPDX-License-Identifier: Apache-2.0
// Recorded shapes of OpenAI's, vLLM's and llama-server's answers to native events, and native requests to theirs.
#include "protocol_fixture.hpp"

namespace hearth::provider::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const auto kOpenAi = make_openai_protocol(Dialect::openai);
const auto kVllm = make_openai_protocol(Dialect::vllm);
const auto kLlama = make_openai_protocol(Dialect::llama_server);

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

}  // namespace
}  // namespace hearth::provider::testing
