// SPDX-License-Identifier: Apache-2.0
// mlx_lm.server ignores fields that it does not know: they must be refused here, and what it knows must be carried.
#include "protocol_fixture.hpp"

namespace hearth::provider::testing {
namespace {

using ::testing::HasSubstr;

const std::unique_ptr<Protocol> kMlx = make_openai_protocol(Dialect::mlx);

inference::ChatRequest chat_with_a_tool() {
  inference::ChatRequest request = chat();
  request.tools.push_back({.name = "now", .description = "the time", .parameters = "{}", .strict = false});
  return request;
}
Json sent(const inference::ChatRequest& request) {
  const auto call = kMlx->chat(request);
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? parse_json(call->body) : Json{};
}
std::string refused(const auto& change) {
  inference::ChatRequest request = chat_with_a_tool();
  change(request);
  const auto call = kMlx->chat(request);
  if (call) return "carried";
  EXPECT_EQ(call.error().code, ErrorCode::unsupported);
  return call.error().message;
}

TEST(Mlx, WhatItWouldIgnoreIsRefused) {
  using Kind = inference::Constraint::Kind;
  using Mode = inference::ToolChoice::Mode;
  for (const Kind kind : {Kind::json_object, Kind::json_schema, Kind::regex, Kind::choice, Kind::gbnf}) {
    EXPECT_THAT(refused([&](auto& r) { r.generation.constraint = {.kind = kind, .text = "{}", .choices = {"a"}}; }),
                HasSubstr("constraint"));
  }
  for (const Mode mode : {Mode::required, Mode::named}) {
    EXPECT_THAT(refused([&](auto& r) { r.tool_choice = {.mode = mode, .name = "now"}; }), HasSubstr("tool_choice"));
  }
  EXPECT_THAT(refused([](auto& r) { r.parallel_tool_calls = false; }), HasSubstr("parallel_tool_calls"));
  EXPECT_THAT(refused([](auto& r) { r.generation.n = 2; }), HasSubstr("n, several"));
  EXPECT_THAT(refused([](auto& r) { r.generation.logprobs = 1; }), HasSubstr("logprobs"));
  EXPECT_THAT(refused([](auto& r) { r.generation.sampling.frequency_penalty = 1; }), HasSubstr("frequency_penalty"));
  EXPECT_THAT(refused([](auto& r) { r.generation.sampling.presence_penalty = 1; }), HasSubstr("presence_penalty"));
  EXPECT_THAT(refused([](auto& r) { r.generation.sampling.typical_p = 0.5F; }), HasSubstr("typical_p"));
  EXPECT_EQ(refused([](auto& r) { r.generation.sampling.presence_penalty = 0; }), "carried");

  EXPECT_EQ(kMlx->embed({}).error().code, ErrorCode::unsupported);
  EXPECT_EQ(kMlx->rerank({}).error().code, ErrorCode::unsupported);
  inference::CompletionRequest completion;
  completion.prompt = std::vector<inference::TokenId>{1};
  EXPECT_THAT(kMlx->complete(completion).error().message, HasSubstr("token ids"));
  completion.prompt = "once";
  completion.suffix = "end";
  EXPECT_THAT(kMlx->complete(completion).error().message, HasSubstr("suffix"));
}

TEST(Mlx, WhatItKnowsIsCarried) {
  auto request = chat_with_a_tool();
  auto& s = request.generation.sampling;
  s.seed = 7;
  s.top_k = -1;
  s.min_p = 0.5F;
  s.repeat_penalty = 1.5F;
  s.repeat_last_n = 64;
  s.xtc_probability = 1;
  s.xtc_threshold = 0.25F;
  s.logit_bias = {{.token = 5, .bias = -1}};
  request.generation.max_tokens = 9;
  request.reasoning.enabled = true;
  request.reasoning.effort = "low";
  request.template_arguments = {{"persona", R"("pirate")"}};
  const Json body = sent(request);
  EXPECT_EQ(body["seed"], 7);
  EXPECT_EQ(body["top_k"], 0);
  EXPECT_EQ(body["min_p"], 0.5);
  EXPECT_EQ(body["repetition_penalty"], 1.5);
  EXPECT_EQ(body["repetition_context_size"], 64);
  EXPECT_TRUE(body["xtc_probability"].is_number_float()) << "it takes no integer here";
  EXPECT_EQ(body["xtc_threshold"], 0.25);
  EXPECT_EQ(body["logit_bias"]["5"], -1);
  EXPECT_EQ(body["max_tokens"], 9);
  EXPECT_EQ(body["tools"][0]["function"]["name"], "now");
  EXPECT_EQ(body["chat_template_kwargs"]["enable_thinking"], true);
  EXPECT_EQ(body["chat_template_kwargs"]["reasoning_effort"], "low");
  EXPECT_EQ(body["chat_template_kwargs"]["persona"], "pirate");
}

TEST(Mlx, AnAnswerIsNotCutAtItsDefaultAndNoToolIsNone) {
  auto request = chat_with_a_tool();
  request.tool_choice.mode = inference::ToolChoice::Mode::none;
  EXPECT_GT(sent(request)["max_tokens"], 4096);
  EXPECT_FALSE(sent(request).contains("tools"));
}

TEST(Mlx, TheClientsOwnWordsAreTranslatedAndOnlyUnknownOnesGoAlong) {
  auto request = chat_with_a_tool();
  request.tool_choice.mode = inference::ToolChoice::Mode::none;
  inference::Verbatim verbatim;
  verbatim.wire = inference::Wire::openai;
  verbatim.body = std::make_shared<const std::string>(R"({"model":"x","draft_model":"d","tools":[{}],"max_tokens":3})");
  const auto with = [&](std::optional<ErrorCode> beyond) {
    if (beyond) verbatim.beyond = Error{.code = *beyond, .message = "x", .param = {}, .retry_after = {}};
    request.verbatim = std::make_shared<const inference::Verbatim>(verbatim);
    return request;
  };
  EXPECT_FALSE(sent(with(std::nullopt)).contains("draft_model"));
  const Json body = sent(with(ErrorCode::invalid_request));
  EXPECT_EQ(body["draft_model"], "d");
  EXPECT_EQ(body["model"], "m");
  EXPECT_FALSE(body.contains("tools"));
  EXPECT_EQ(kMlx->chat(with(ErrorCode::unsupported)).error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace hearth::provider::testing
