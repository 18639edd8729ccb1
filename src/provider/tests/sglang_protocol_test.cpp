// SPDX-License-Identifier: Apache-2.0
// Shapes of SGLang's /generate: the text so far with every event, its own finish reasons, probabilities as triples.
#include <gmock/gmock.h>

#include "json_text.hpp"
#include "protocol.hpp"

namespace hearth::provider {
namespace {

using inference::Event;
using ::testing::HasSubstr;

const auto kSglang = make_sglang_protocol();

std::vector<Event> decoded(std::string_view bytes, std::int32_t n = 1, std::size_t piece = 7) {
  const auto decoder = kSglang->completion_decoder(n);
  std::vector<Event> events;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    decoder->feed(bytes.substr(0, piece), events);
  }
  decoder->finish(events);
  return events;
}

template <class T>
std::vector<T> all(const std::vector<Event>& events) {
  std::vector<T> out;
  for (const Event& event : events) {
    if (const auto* body = std::get_if<T>(&event.body)) out.push_back(*body);
  }
  return out;
}

std::string text_of(const std::vector<Event>& events, std::int32_t choice = 0) {
  std::string out;
  for (const Event& event : events) {
    const auto* text = std::get_if<inference::TextDelta>(&event.body);
    if (text != nullptr && event.choice == choice) out += text->text;
  }
  return out;
}

inference::CompletionRequest completion() {
  inference::CompletionRequest request;
  request.model = "m";
  request.prompt = "Once";
  return request;
}

Json body_of(const inference::CompletionRequest& request) {
  const auto call = kSglang->complete(request);
  EXPECT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->path, "/generate");
  return parse_json(call->body);
}

constexpr std::string_view kStory =
    R"(data: {"text":" upon","meta_info":{"id":"1","finish_reason":null,"prompt_tokens":4,"completion_tokens":1,"cached_tokens":3},"index":0}

data: {"text":" upon a tïme","meta_info":{"id":"1","finish_reason":null,"prompt_tokens":4,"completion_tokens":3,"cached_tokens":3},"index":0}

data: {"text":" upon a tïme","meta_info":{"id":"1","finish_reason":{"type":"length","length":4},"prompt_tokens":4,"completion_tokens":4,"cached_tokens":3},"index":0}

data: [DONE]

)";

TEST(Sglang, TextThatIsRepeatedComesOnce) {
  for (const std::size_t piece : {1U, 5U, 4096U}) {
    const auto events = decoded(kStory, 1, piece);
    EXPECT_EQ(text_of(events), " upon a tïme");
    ASSERT_EQ(all<inference::PromptDone>(events).size(), 1U);
    EXPECT_EQ(all<inference::PromptDone>(events)[0].cached_tokens, 3);
    const auto done = all<inference::Finished>(events);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].reason, inference::FinishReason::length);
    EXPECT_EQ(done[0].usage.completion_tokens, 4);
    EXPECT_TRUE(all<inference::Failed>(events).empty());
  }
}

TEST(Sglang, StopStringsAndTokensThatEndATurn) {
  const auto text = all<inference::Finished>(decoded(
      R"(data: {"text":"a","meta_info":{"finish_reason":{"type":"stop","matched":"END"},"prompt_tokens":1,"completion_tokens":2},"index":0})"
      "\n\ndata: [DONE]\n\n"));
  ASSERT_EQ(text.size(), 1U);
  EXPECT_EQ(text[0].reason, inference::FinishReason::stop_sequence);
  EXPECT_EQ(text[0].stop_sequence, "END");
  const auto token = all<inference::Finished>(
      decoded("data: {\"text\":\"a\",\"meta_info\":{\"finish_reason\":{\"type\":\"stop\",\"matched\":151645}}}\n\n"));
  ASSERT_EQ(token.size(), 1U);
  EXPECT_EQ(token[0].reason, inference::FinishReason::stop);
}

TEST(Sglang, ChoicesEndEachForItself) {
  const auto events = decoded(
      "data: {\"text\":\"x\",\"meta_info\":{\"finish_reason\":{\"type\":\"stop\"}},\"index\":1}\n\n"
      "data: {\"text\":\"y\",\"meta_info\":{\"finish_reason\":{\"type\":\"stop\"}},\"index\":0}\n\ndata: [DONE]\n\n",
      2);
  EXPECT_EQ(text_of(events, 0), "y");
  EXPECT_EQ(text_of(events, 1), "x");
  EXPECT_EQ(all<inference::Finished>(events).size(), 2U);
}

TEST(Sglang, ProbabilitiesOfEachTokenOnce) {
  const auto events = decoded(
      R"(data: {"text":"a","meta_info":{"finish_reason":null,"output_token_logprobs":[[-0.5,7,"a"]],"output_top_logprobs":[[[-0.5,7,"a"],[-1.5,8,"b"]]]},"index":0})"
      "\n\n"
      R"(data: {"text":"ac","meta_info":{"finish_reason":{"type":"stop"},"output_token_logprobs":[[-0.5,7,"a"],[-0.25,9,"c"]],"output_top_logprobs":[[[-0.5,7,"a"],[-1.5,8,"b"]],[[-0.25,9,"c"]]]},"index":0})"
      "\n\n");
  const auto deltas = all<inference::TextDelta>(events);
  ASSERT_EQ(deltas.size(), 2U);
  ASSERT_EQ(deltas[0].logprobs.size(), 1U);
  EXPECT_EQ(deltas[0].logprobs[0].top[1].bytes, "b");
  ASSERT_EQ(deltas[1].logprobs.size(), 1U);
  EXPECT_EQ(deltas[1].logprobs[0].id, 9);
  EXPECT_FLOAT_EQ(deltas[1].logprobs[0].top[0].logprob, -0.25F);
  EXPECT_DOUBLE_EQ(all<inference::Finished>(events)[0].mean_logprob, -0.375);
}

TEST(Sglang, WhatGoesWrongInAStreamIsSaid) {
  const auto failed = [](std::string_view bytes) {
    const auto failures = all<inference::Failed>(decoded(bytes));
    return failures.size() == 1 ? failures[0].error.message : "";
  };
  EXPECT_THAT(failed("data: {\"text\":\"a\",\"meta_info\":{\"finish_reason\":null}}\n\n"), HasSubstr("ended before"));
  EXPECT_THAT(failed("data: {\"text\":\"a\",\"meta_info\":{}}\n\ndata: [DONE]\n\n"), HasSubstr("ended before"));
  EXPECT_THAT(failed("data: {\"error\":{\"message\":\"no room\"}}\n\n"), HasSubstr("no room"));
  EXPECT_THAT(failed("data: nonsense\n\n"), HasSubstr("no JSON object"));
  EXPECT_THAT(
      failed("data: {\"text\":\"\",\"meta_info\":{\"finish_reason\":{\"type\":\"abort\",\"message\":\"bye\"}}}\n\n"),
      HasSubstr("bye"));
}

TEST(Sglang, ConstraintsAndLimitsInItsShape) {
  auto request = completion();
  Json body = body_of(request);
  EXPECT_EQ(body["text"], "Once");
  EXPECT_EQ(body["stream"], true);
  EXPECT_TRUE(body["sampling_params"]["max_new_tokens"].is_null()) << "absent would be 128";

  request.prompt = std::vector<inference::TokenId>{1, 2};
  request.generation.max_tokens = 9;
  request.generation.n = 2;
  request.generation.sampling.repeat_penalty = 1.5F;
  request.generation.logprobs = 2;
  request.generation.constraint = {.kind = inference::Constraint::Kind::json_schema, .text = R"({"type":"null"})"};
  body = body_of(request);
  EXPECT_EQ(body["input_ids"], Json::parse("[1,2]"));
  EXPECT_EQ(body["sampling_params"]["max_new_tokens"], 9);
  EXPECT_EQ(body["sampling_params"]["n"], 2);
  EXPECT_EQ(body["sampling_params"]["repetition_penalty"], 1.5);
  EXPECT_EQ(body["sampling_params"]["json_schema"], R"({"type":"null"})") << "text, not JSON";
  EXPECT_EQ(body["top_logprobs_num"], 2);

  request.generation.constraint = {.kind = inference::Constraint::Kind::choice, .choices = {"a.b", "c"}};
  EXPECT_EQ(body_of(request)["sampling_params"]["regex"], R"((a\.b|c))");
  request.generation.constraint = {.kind = inference::Constraint::Kind::gbnf, .text = "root ::= \"a\""};
  EXPECT_EQ(kSglang->complete(request).error().code, ErrorCode::unsupported);
  request = completion();
  request.generation.sampling.mirostat = 2;
  EXPECT_THAT(kSglang->complete(request).error().message, HasSubstr("mirostat"));
  request = completion();
  request.suffix = "end";
  EXPECT_THAT(kSglang->complete(request).error().message, HasSubstr("suffix"));
}

}  // namespace
}  // namespace hearth::provider
