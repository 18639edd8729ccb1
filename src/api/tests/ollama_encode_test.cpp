// SPDX-License-Identifier: Apache-2.0
#include "ollama_encode.hpp"

#include <gtest/gtest.h>

#include "ollama_keep_alive.hpp"
#include "rfc3339.hpp"

namespace hearth::api::ollama {
namespace {

using inference::Event;
using inference::Finished;
using inference::FinishReason;
using inference::TextDelta;
using nlohmann::json;

const WallClock::time_point kNow{std::chrono::duration_cast<WallClock::duration>(
    std::chrono::seconds{1'700'000'000} + std::chrono::nanoseconds{123'456'789})};
constexpr const char* kNowText = "2023-11-14T22:13:20.123456789Z";

Event finished_event(FinishReason reason) {
  Finished f;
  f.reason = reason;
  f.usage = {.prompt_tokens = 3, .cached_tokens = 1, .completion_tokens = 2};
  f.timings.load = std::chrono::nanoseconds{10};
  f.timings.queue = std::chrono::nanoseconds{20};
  f.timings.prompt = std::chrono::nanoseconds{30};
  f.timings.generation = std::chrono::nanoseconds{40};
  return {0, f};
}

AnswerHead head(Shape shape) {
  return {.shape = shape, .model = "m", .context = nullptr, .now = [] { return kNow; }};
}

std::string line_of(AnswerStream& stream, const Event& event) {
  std::string out;
  stream.event(event, out);
  return out;
}

TEST(OllamaAnswer, StreamsOneObjectALine) {
  AnswerHead with_context = head(Shape::generate);
  with_context.context = std::make_shared<const std::vector<inference::TokenId>>(std::vector{1, 2, 3});
  AnswerStream stream{std::move(with_context)};

  const std::string line = line_of(stream, {0, TextDelta{.text = "Hi", .logprobs = {}, .tokens = {3}}});
  std::string last = line_of(stream, finished_event(FinishReason::length));
  stream.end(last);

  EXPECT_EQ(line.back(), '\n');
  EXPECT_EQ(json::parse(line), (json{{"model", "m"}, {"created_at", kNowText}, {"response", "Hi"}, {"done", false}}));
  EXPECT_EQ(last.back(), '\n');
  EXPECT_EQ(json::parse(last), json::parse(R"({
    "model":"m","created_at":"2023-11-14T22:13:20.123456789Z","response":"","done":true,"done_reason":"length",
    "total_duration":100,"load_duration":10,"prompt_eval_count":3,"prompt_eval_duration":30,
    "eval_count":2,"eval_duration":40,"context":[1,2,3]})"));
}

TEST(OllamaAnswer, SendsThinkingBesideTheContent) {
  AnswerStream stream{head(Shape::chat)};

  const json line = json::parse(line_of(stream, {0, inference::ReasoningDelta{"hm"}}));

  EXPECT_EQ(line["message"], json::parse(R"({"role":"assistant","content":"","thinking":"hm"})"));
}

TEST(OllamaAnswer, HoldsAToolCallBackUntilItsArgumentsAreWhole) {
  AnswerStream stream{head(Shape::chat)};

  const std::string first =
      line_of(stream, {0, inference::ToolCallDelta{.index = 0, .id = "c0", .name = "f", .arguments = "{\"x\":"}});
  const std::string second =
      line_of(stream, {0, inference::ToolCallDelta{.index = 0, .id = "", .name = "", .arguments = "1}"}});
  const std::string third =
      line_of(stream, {0, inference::ToolCallDelta{.index = 1, .id = "", .name = "g", .arguments = "{}"}});
  std::string last = line_of(stream, finished_event(FinishReason::tool_calls));
  stream.end(last);

  EXPECT_EQ(first + second, "");
  EXPECT_EQ(json::parse(third)["message"]["tool_calls"],
            json::parse(R"([{"id":"c0","function":{"index":0,"name":"f","arguments":{"x":1}}}])"));
  const std::size_t border = last.find('\n');
  EXPECT_EQ(json::parse(last.substr(0, border))["message"]["tool_calls"],
            json::parse(R"([{"function":{"index":1,"name":"g","arguments":{}}}])"));
  EXPECT_EQ(json::parse(last.substr(border))["done_reason"], "stop");
}

TEST(OllamaAnswer, IsOneObjectWhenNotStreamed) {
  CollectedChoice choice;
  choice.text = "Hi";
  choice.reasoning = "hm";
  choice.tool_calls = {{.id = "c0", .name = "f", .arguments = "{\"x\":1}"}};
  choice.finished = std::get<Finished>(finished_event(FinishReason::tool_calls).body);

  EXPECT_EQ(json::parse(answer_body(head(Shape::chat), choice)), json::parse(R"({
    "model":"m","created_at":"2023-11-14T22:13:20.123456789Z",
    "message":{"role":"assistant","content":"Hi","thinking":"hm",
               "tool_calls":[{"id":"c0","function":{"index":0,"name":"f","arguments":{"x":1}}}]},
    "done":true,"done_reason":"stop","total_duration":100,"load_duration":10,"prompt_eval_count":3,
    "prompt_eval_duration":30,"eval_count":2,"eval_duration":40})"));
}

TEST(OllamaAnswer, ShowsLogprobsWithBytes) {
  AnswerStream stream{head(Shape::generate)};
  TextDelta delta{.text = "a", .logprobs = {{.id = 1, .bytes = "a", .logprob = -0.5F, .top = {}}}, .tokens = {1}};
  delta.logprobs[0].top.push_back({.id = 2, .bytes = "\xC3", .logprob = -1.5F});

  const json line = json::parse(line_of(stream, {0, delta}));

  EXPECT_EQ(line["logprobs"], json::parse(R"([{"token":"a","logprob":-0.5,"bytes":[97],
    "top_logprobs":[{"token":"\ufffd","logprob":-1.5,"bytes":[195]}]}])"));
}

TEST(OllamaAnswer, EndsAFailedStreamWithAnErrorLine) {
  AnswerStream stream{head(Shape::generate)};
  std::string out;

  stream.failed(Error{ErrorCode::internal, "broke", {}, {}}, out);

  EXPECT_EQ(out, "{\"error\":\"broke\"}\n");
}

TEST(OllamaAnswer, SaysWhetherTheModelWasLoadedOrUnloaded) {
  EXPECT_EQ(json::parse(loaded_body(head(Shape::generate), "unload")), json::parse(R"({
    "model":"m","created_at":"2023-11-14T22:13:20.123456789Z","response":"","done":true,"done_reason":"unload"})"));
}

TEST(OllamaProgress, HasABarOnlyWithATotal) {
  EXPECT_EQ(progress_line({.status = "success", .digest = {}, .total = 0, .completed = 0}),
            "{\"status\":\"success\"}\n");
  EXPECT_EQ(json::parse(progress_line({.status = "pulling ab", .digest = "sha256:ab", .total = 9, .completed = 4})),
            json::parse(R"({"status":"pulling ab","digest":"sha256:ab","total":9,"completed":4})"));
}

TEST(OllamaModels, ShowTheirParametersInColumns) {
  EXPECT_EQ(parameters_text({{"temperature", "0.5"}, {"stop", "\nUser:"}}),
            "temperature                    0.5\nstop                           \"\\nUser:\"");
}

TEST(OllamaKeepAlive, ReadsGoDurationsAndSeconds) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"5m", 300},        {"1h30m", 5400},   {"0", 0},        {"0s", 0},  {"-1", -1}, {"-5m", -1},
      {"300", 300},       {"1.5h", 5400},    {"90s", 90},     {"1ms", 1}, {"1ns", 1}, {"+2s", 2},
      {"1h0m0.5s", 3601}, {"2\xC2\xB5s", 1}, {"999999h", -1}, {".5m", 30}};
  for (const auto& [text, expected] : cases) {
    const auto got = parse_keep_alive(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(got->count(), expected) << text;
  }
}

TEST(OllamaKeepAlive, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "-", "m", "5x", "5m3", "1e3s", "inf", "nan", "five", "5 m", "0x10", "1h-5m", "."}) {
    const auto got = parse_keep_alive(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().param, "keep_alive") << text;
  }
  EXPECT_FALSE(keep_alive_of(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(keep_alive_of(0.2)->count(), 1);
  EXPECT_EQ(keep_alive_of(-3)->count(), -1);
  EXPECT_EQ(keep_alive_of(1e12)->count(), -1);
}

}  // namespace
}  // namespace hearth::api::ollama
