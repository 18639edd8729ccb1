// SPDX-License-Identifier: Apache-2.0
#include "native_encode.hpp"

#include <gtest/gtest.h>

namespace hearth::api::native {
namespace {

using inference::Event;
using inference::Finished;
using inference::FinishReason;
using inference::PromptDone;
using inference::TextDelta;
using nlohmann::json;

Event text_event(std::string text, std::vector<inference::TokenId> tokens) {
  return {0, TextDelta{.text = std::move(text), .logprobs = {}, .tokens = std::move(tokens)}};
}

Event finished_event(FinishReason reason, std::string word = {}) {
  Finished f;
  f.reason = reason;
  f.stop_sequence = std::move(word);
  f.usage = {.prompt_tokens = 10, .cached_tokens = 4, .completion_tokens = 2};
  f.timings.prompt = std::chrono::milliseconds{3};
  f.timings.generation = std::chrono::milliseconds{8};
  return {0, f};
}

json data_of(const std::string& sse) {
  EXPECT_TRUE(sse.starts_with("data: ")) << sse;
  EXPECT_TRUE(sse.ends_with("\n\n")) << sse;
  return json::parse(sse.substr(6));
}

CompletionView view() {
  CompletionView v;
  v.model = "m";
  v.prompts = {"P"};
  v.settings = {{"n_predict", 5}};
  return v;
}

std::string bytes_of(CompletionStream& stream, const Event& event) {
  std::string out;
  stream.event(event, out);
  return out;
}

CollectedChoice choice_of(const Event& finished) {
  CollectedChoice choice;
  choice.text = "a\nb";
  choice.tokens = {7, 8};
  choice.finished = std::get<Finished>(finished.body);
  return choice;
}

TEST(NativeCompletion, IsOneObjectWithTimingsAndStopType) {
  CompletionView v = view();
  v.return_tokens = true;

  EXPECT_EQ(completion_json(v, 0, choice_of(finished_event(FinishReason::stop_sequence, "END"))), json::parse(R"({
    "index":0,"content":"a\nb","tokens":[7,8],"id_slot":-1,"stop":true,"model":"m","tokens_predicted":2,
    "tokens_evaluated":10,"generation_settings":{"n_predict":5},"prompt":"P","has_new_line":true,"truncated":false,
    "stop_type":"word","stopping_word":"END","tokens_cached":12,
    "timings":{"cache_n":4,"prompt_n":6,"prompt_ms":3.0,"prompt_per_token_ms":0.5,"prompt_per_second":2000.0,
               "predicted_n":2,"predicted_ms":8.0,"predicted_per_token_ms":4.0,"predicted_per_second":250.0}})"));
}

TEST(NativeCompletion, StreamsPartsAndThenTheFinalObjectWithoutText) {
  CompletionStream stream{view()};
  bytes_of(stream, {0, PromptDone{.prompt_tokens = 10, .cached_tokens = 4, .prompt_logprobs = {}}});

  const json part = data_of(bytes_of(stream, text_event("a\n", {7})));
  const json last = data_of(bytes_of(stream, finished_event(FinishReason::length)));

  EXPECT_EQ(part, json::parse(R"({"index":0,"content":"a\n","tokens":[],"stop":false,"id_slot":-1,
                                  "tokens_predicted":1,"tokens_evaluated":10})"));
  EXPECT_EQ(last["content"], "");
  EXPECT_EQ(last["stop"], true);
  EXPECT_EQ(last["stop_type"], "limit");
  EXPECT_EQ(last["has_new_line"], true);
}

TEST(NativeCompletion, ReportsPromptProgressOnlyWhenAsked) {
  const Event done{0, PromptDone{.prompt_tokens = 10, .cached_tokens = 4, .prompt_logprobs = {}}};
  CompletionView with_progress = view();
  with_progress.return_progress = true;
  CompletionStream plain{view()};
  CompletionStream asked{std::move(with_progress)};

  EXPECT_EQ(bytes_of(plain, done), "");
  EXPECT_EQ(data_of(bytes_of(asked, done))["prompt_progress"], json::parse(R"({"total":10,"cache":4,"processed":10})"));
}

TEST(NativeCompletion, ListsProbabilities) {
  CollectedChoice choice = choice_of(finished_event(FinishReason::stop));
  choice.logprobs = {{.id = 7, .bytes = "a", .logprob = -0.5F, .top = {}}};
  choice.logprobs[0].top.push_back({.id = 9, .bytes = "b", .logprob = -2.0F});

  EXPECT_EQ(completion_json(view(), 0, choice)["completion_probabilities"],
            json::parse(R"([{"id":7,"token":"a","bytes":[97],"logprob":-0.5,
                             "top_logprobs":[{"id":9,"token":"b","bytes":[98],"logprob":-2.0}]}])"));
}

TEST(NativeCompletion, PicksResponseFieldsByPath) {
  CompletionView v = view();
  v.response_fields = {"content", "generation_settings/n_predict", "nowhere", "content/x"};

  EXPECT_EQ(completion_json(v, 0, choice_of(finished_event(FinishReason::stop))),
            json::parse(R"({"content":"a\nb","n_predict":5})"));
}

TEST(NativeCompletion, GivesEachChoiceTheTextOfItsOwnPrompt) {
  CompletionView v = view();
  v.prompts = {"P", "Q"};
  v.choices = 2;
  const CollectedChoice choice = choice_of(finished_event(FinishReason::stop));

  EXPECT_EQ(completion_json(v, 1, choice)["prompt"], "P");
  EXPECT_EQ(completion_json(v, 2, choice)["prompt"], "Q");
  EXPECT_EQ(completion_json(v, 2, choice)["index"], 2);
}

TEST(NativeCompletion, EndsAFailedStreamWithAnErrorObject) {
  CompletionStream stream{view()};
  std::string out;

  stream.failed(Error{ErrorCode::context_too_long, "too long", {}, {}}, out);

  EXPECT_EQ(data_of(out)["error"]["type"], "exceed_context_size_error");
}

TEST(NativeValues, PiecesThatAreNoUtf8AreBytes) {
  const std::vector<provider::Piece> pieces{{.id = 1, .bytes = "a"}, {.id = 2, .bytes = "\xC3"}};

  EXPECT_EQ(tokens_json(pieces, false), json::parse(R"({"tokens":[1,2]})"));
  EXPECT_EQ(tokens_json(pieces, true), json::parse(R"({"tokens":[{"id":1,"piece":"a"},{"id":2,"piece":[195]}]})"));
}

TEST(NativeValues, SettingsHoldWhatWasAskedAndNothingElse) {
  inference::Generation generation;
  generation.max_tokens = 9;
  generation.sampling.top_k = 3;
  generation.sampling.logit_bias.push_back({.token = 5, .bias = -1});

  const json settings = settings_json(generation, true);

  EXPECT_EQ(settings, json::parse(R"({"stream":true,"n_predict":9,"max_tokens":9,"stop":[],"n_probs":0,"top_k":3,
                                      "logit_bias":[{"token":5,"bias":-1.0}]})"));
}

TEST(NativeValues, SlotsAndPropsHaveLlamaServersNames) {
  provider::ModelInfo info;
  info.context = 4096;
  info.bos_token = "<s>";

  const json props = props_json("m", info, 3);
  const json slots = slots_json({{.id = 1,
                                  .processing = true,
                                  .context = 64,
                                  .prompt_tokens = 5,
                                  .prompt_tokens_done = 4,
                                  .cached_tokens = 2,
                                  .generated_tokens = 1}});

  EXPECT_EQ(props["default_generation_settings"]["n_ctx"], 4096);
  EXPECT_EQ(props["total_slots"], 3);
  EXPECT_EQ(props["bos_token"], "<s>");
  EXPECT_EQ(slots, json::parse(R"([{"id":1,"n_ctx":64,"speculative":false,"is_processing":true,"n_prompt_tokens":5,
    "n_prompt_tokens_processed":4,"n_prompt_tokens_cache":2,"next_token":[{"n_decoded":1}]}])"));
}

}  // namespace
}  // namespace hearth::api::native
