// SPDX-License-Identifier: Apache-2.0
// Gemini's errors and refusals; what its requests and answers carry is in tests/api/matrix.test.mjs.
#include "protocol_fixture.hpp"

namespace hearth::provider::testing {
namespace {

using ::testing::HasSubstr;

const std::unique_ptr<Protocol> kGemini = make_gemini_protocol();

std::optional<Error> failure_of(std::string_view stream) {
  const auto decoder = kGemini->chat_decoder(1);
  std::vector<inference::Event> events;
  decoder->feed(stream, events);
  decoder->finish(events);
  if (events.empty()) return std::nullopt;
  const auto* failed = std::get_if<inference::Failed>(&events.back().body);
  return failed == nullptr ? std::nullopt : std::optional{failed->error};
}

TEST(Gemini, AnAnswerThatWasTakenAwayIsAFailure) {
  for (const char* stream : {
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"SAFETY\"}]}\n\n",
           "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n",
           "data: {\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}\n\n",
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"cut\"}]}}]}\n\n",
           "data: [1]\n\n",
           "",
       }) {
    const auto error = failure_of(stream);
    ASSERT_TRUE(error) << stream;
    EXPECT_EQ(error->code, ErrorCode::upstream_error) << stream;
  }
  EXPECT_EQ(failure_of("data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n")->code,
            ErrorCode::upstream_unavailable);
  EXPECT_FALSE(failure_of("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"));
}

std::vector<inference::Event> events_of(std::string_view stream) {
  const auto decoder = kGemini->chat_decoder(1);
  std::vector<inference::Event> events;
  decoder->feed(stream, events);
  decoder->finish(events);
  return events;
}

TEST(Gemini, CallsKeepTheirSignature) {
  const auto events = events_of(
      R"(data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}]})"
      "\n\n");
  EXPECT_EQ(std::get<inference::ToolCallDelta>(events.at(1).body).signature, "c2ln");
}

TEST(Gemini, WhatNoNativeEventSaysIsKept) {
  std::vector<std::string> kept;
  for (
      const auto& event : events_of(
          R"(data: {"candidates":[{"index":0,"content":{"parts":[{"text":"a","thoughtSignature":"s"},{"executableCode":{"code":"1"}},{"text":""}]},)"
          R"("finishReason":"STOP","groundingMetadata":{"webSearchQueries":["q"]},"safetyRatings":[]}]})"
          "\n\n")) {
    const auto* opaque = std::get_if<inference::Opaque>(&event.body);
    if (opaque != nullptr) kept.push_back(opaque->json);
  }
  EXPECT_THAT(kept,
              ::testing::ElementsAre(R"({"content":{"parts":[{"text":"","thoughtSignature":"s"}],"role":"model"}})",
                                     R"({"content":{"parts":[{"executableCode":{"code":"1"}}],"role":"model"}})",
                                     R"({"groundingMetadata":{"webSearchQueries":["q"]}})"));
}

/// The signatures of the calls in the second content, "-" where there is none.
std::string signatures_sent(const std::string& model, std::vector<inference::ToolCall> calls) {
  inference::ChatRequest request = chat();
  request.model = model;
  request.messages.push_back({.role = "assistant",
                              .content = {},
                              .reasoning = {},
                              .tool_calls = std::move(calls),
                              .tool_call_id = {},
                              .tool_name = {}});
  std::string out;
  for (const Json& part : parse_json(kGemini->chat(request)->body)["contents"][1]["parts"]) {
    out += (part.contains("thoughtSignature") ? text_at(part, "thoughtSignature") : "-") + " ";
  }
  return out;
}

TEST(Gemini, TheFirstCallOfAStepHasASignature) {
  const inference::ToolCall sealed{.id = "1", .name = "f", .arguments = "{}", .signature = "c2ln"};
  const inference::ToolCall plain{.id = "2", .name = "f", .arguments = "{}"};
  EXPECT_EQ(signatures_sent("gemini-3-pro", {sealed, plain}), "c2ln - ");
  EXPECT_EQ(signatures_sent("gemini-3-pro", {plain, plain}), "skip_thought_signature_validator - ");
  EXPECT_EQ(signatures_sent("gemini-2.5-flash", {plain, plain}), "- - ") << "it asks for none";
}

TEST(Gemini, ErrorsKeepTheirMeaning) {
  const auto code = [](int status, const char* name, const char* message) {
    return kGemini
        ->error(status, {},
                std::string{R"({"error":{"code":1,"message":")"} + message + R"(","status":")" + name + "\"}}")
        .code;
  };
  EXPECT_EQ(code(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            ErrorCode::upstream_error);
  EXPECT_EQ(code(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)"),
            ErrorCode::context_too_long);
  EXPECT_EQ(code(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"), ErrorCode::invalid_request);
  EXPECT_EQ(code(400, "FAILED_PRECONDITION", "enable billing on your project"), ErrorCode::upstream_error);
  EXPECT_EQ(code(404, "NOT_FOUND", "models/x is not found"), ErrorCode::upstream_error);
  EXPECT_EQ(code(429, "RESOURCE_EXHAUSTED", "quota"), ErrorCode::rate_limited);
  EXPECT_EQ(code(503, "UNAVAILABLE", "overloaded"), ErrorCode::upstream_unavailable);
  EXPECT_THAT(kGemini->error(500, {}, "<html>").message, HasSubstr("500"));
}

TEST(Gemini, TheDelayInItsErrorIsWaitedFor) {
  const auto delay = [](std::string text) {
    return kGemini
        ->error(429, {},
                R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.Help"},
                   {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":")" +
                    text + "\"}]}}")
        .retry_after;
  };
  EXPECT_EQ(delay("45.8s"), std::chrono::seconds{46});
  EXPECT_EQ(delay("1e300s"), std::chrono::seconds{3600});
  for (const char* none : {"", "soon", "-1s", "nan"}) EXPECT_FALSE(delay(none)) << none;
}

TEST(Gemini, WhatItCannotCarryIsNamed) {
  const auto refused = [](const auto& change) {
    inference::ChatRequest request = chat();
    change(request);
    const auto call = kGemini->chat(request);
    return call ? std::string{"carried"} : call.error().message;
  };
  EXPECT_THAT(refused([](auto& r) { r.generation.n = 2; }), HasSubstr("n, several"));
  EXPECT_THAT(refused([](auto& r) { r.generation.logprobs = 1; }), HasSubstr("logprobs"));
  EXPECT_THAT(refused([](auto& r) { r.generation.sampling.min_p = 0.1F; }), HasSubstr("min_p"));
  EXPECT_THAT(refused([](auto& r) { r.generation.constraint.kind = inference::Constraint::Kind::regex; }),
              HasSubstr("constraint"));
  EXPECT_EQ(refused([](auto& r) { r.generation.sampling.seed = 7; }), "carried");
  EXPECT_EQ(kGemini->rerank({}).error().code, ErrorCode::unsupported);
}

TEST(Gemini, EmbeddingsHaveLengthOneHoweverTheyCome) {
  inference::EmbeddingRequest request;
  request.model = "e";
  request.inputs = {std::string{"a"}, std::string{"b"}};
  request.dimensions = 2;
  const auto call = kGemini->embed(request);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->path, "/v1beta/models/e:batchEmbedContents");
  EXPECT_EQ(parse_json(call->body)["requests"][1]["content"]["parts"][0]["text"], "b");
  const auto vectors = kGemini->embeddings(R"({"embeddings":[{"values":[3,4]},{"values":[0,2]}]})");
  ASSERT_TRUE(vectors);
  EXPECT_FLOAT_EQ(vectors->vectors[0][0], 0.6F);
  EXPECT_FLOAT_EQ(vectors->vectors[1][1], 1);
  EXPECT_FALSE(kGemini->embeddings(R"({"embeddings":[{"values":["x"]}]})"));
  EXPECT_FALSE(kGemini->embeddings("{}"));
}

}  // namespace
}  // namespace hearth::provider::testing
