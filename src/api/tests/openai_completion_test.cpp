// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"
#include "openai_completion_request.hpp"
#include "openai_embeddings.hpp"

namespace hearth::api {
namespace {

using namespace test;
using namespace inference;

class OpenAiCompletionTest : public ApiTest {
 protected:
  Json ask_completion(const Json& body) {
    const auto answer = post("/v1/completions", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  static Event scored(std::int32_t choice, double mean) {
    Finished end;
    end.usage.prompt_tokens = 5;
    end.usage.completion_tokens = 1;
    end.mean_logprob = mean;
    return {choice, end};
  }
};

TEST_F(OpenAiCompletionTest, AnswersInOneObject) {
  engine.scripts = {says({"b", "c"})};
  Json body = ask_completion({{"model", "m"}, {"prompt", "a"}, {"max_tokens", 4}, {"suffix", "z"}});
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("cmpl-"));
  body["id"] = "ID";
  body["created"] = 0;
  EXPECT_EQ(body.dump(),
            R"({"id":"ID","object":"text_completion","created":0,"model":"m","choices":[{"text":"bc","index":0,)"
            R"("logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,)"
            R"("total_tokens":7,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{)"
            R"("reasoning_tokens":0}},"system_fingerprint":"hearth-0.0.0-test"})");
  EXPECT_EQ(engine.completions[0].suffix, "z");
  EXPECT_EQ(engine.completions[0].generation.max_tokens, 4);
}

TEST_F(OpenAiCompletionTest, SixteenTokensAreTheDefaultOfThisRoute) {
  engine.scripts = {says({"b"}), says({"b"})};
  ask_completion({{"model", "m"}, {"prompt", "a"}});
  EXPECT_EQ(engine.completions[0].generation.max_tokens, 16);
  ask_completion({{"model", "m"}, {"prompt", "a"}, {"n_predict", -1}});
  EXPECT_EQ(engine.completions[1].generation.max_tokens, std::nullopt);
}

TEST_F(OpenAiCompletionTest, SeveralPromptsTakeTheirOwnIndexRanges) {
  engine.scripts = {{.events = {prompt_done(5), text("a0", 0), text("a1", 1), scored(0, -1), scored(1, -1)}},
                    {.events = {prompt_done(5), text("b1", 1), text("b0", 0), scored(1, -1), scored(0, -1)}}};
  const Json body = ask_completion({{"model", "m"}, {"prompt", {"x", {1, 2}}}, {"n", 2}});
  ASSERT_EQ(body["choices"].size(), 4U);
  EXPECT_EQ(body["choices"][2]["text"], "b0");
  EXPECT_EQ(body["choices"][3]["index"], 3);
  EXPECT_EQ(body["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(std::get<1>(engine.completions[1].prompt), (std::vector<TokenId>{1, 2}));
}

TEST_F(OpenAiCompletionTest, StreamsSeveralPromptsInOneStream) {
  engine.scripts = {says({"a"}), says({"b"})};
  const auto answer = post("/v1/completions", {{"model", "m"},
                                               {"prompt", {"x", "y"}},
                                               {"stream", true},
                                               {"echo", true},
                                               {"stream_options", {{"include_usage", true}}}});
  std::map<int, std::string> texts;
  const auto data = sse_data(answer.body);
  for (const Json& chunk : data) {
    for (const Json& choice : chunk["choices"]) texts[choice["index"]] += choice["text"].get<std::string>();
  }
  EXPECT_EQ(texts, (std::map<int, std::string>{{0, "xa"}, {1, "yb"}}));
  EXPECT_EQ(data.back()["usage"]["prompt_tokens"], 10);
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
}

TEST_F(OpenAiCompletionTest, AFailureOfOnePromptFailsTheAnswerAndEndsTheOthers) {
  Script held = says({"a"});
  held.hold_at = 99;
  engine.scripts = {says({"a"}), {.events = {failed(ErrorCode::context_too_long, "too long")}}};
  EXPECT_EQ(post("/v1/completions", {{"model", "m"}, {"prompt", {"x", "y"}}}).status, 400);
  EXPECT_EQ(engine.streams_alive, 0);
}

TEST_F(OpenAiCompletionTest, BestOfShowsTheMostLikelyAnswers) {
  engine.scripts = {{.events = {prompt_done(5), text("low", 0), text("best", 1), text("mid", 2), scored(0, -3),
                                scored(1, -1), scored(2, -2)}}};
  const Json body = ask_completion({{"model", "m"}, {"prompt", "x"}, {"n", 2}, {"best_of", 3}});
  EXPECT_EQ(engine.completions[0].generation.n, 3);
  ASSERT_EQ(body["choices"].size(), 2U);
  EXPECT_EQ(body["choices"][0]["text"], "best");
  EXPECT_EQ(body["choices"][1]["text"], "mid");
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
}

TEST_F(OpenAiCompletionTest, EchoesThePromptWithItsLogprobs) {
  PromptDone prompt{2, 0, {{1, "\xC3\xA9", 0, {}}, {2, "b", -2, {{2, "b", -2}}}}};
  TextDelta delta{"c", {{3, "c", -0.5F, {{3, "c", -0.5F}}}}, {3}};
  engine.scripts = {{.events = {Event{0, prompt}, Event{0, delta}, scored(0, -0.5)}}};
  const Json body = ask_completion({{"model", "m"},
                                    {"prompt",
                                     "\xC3\xA9"
                                     "b"},
                                    {"echo", true},
                                    {"logprobs", 1},
                                    {"max_tokens", 1}});
  EXPECT_TRUE(engine.completions[0].prompt_logprobs);
  EXPECT_EQ(body["choices"][0]["text"],
            "\xC3\xA9"
            "bc");
  EXPECT_EQ(
      body["choices"][0]["logprobs"].dump(),
      "{\"tokens\":[\"\xC3\xA9\",\"b\",\"c\"],\"token_logprobs\":[null,-2.0,-0.5],\"top_logprobs\":[null,{\"b\":-2.0},"
      "{\"c\":-0.5}],\"text_offset\":[0,1,2]}");
}

TEST_F(OpenAiCompletionTest, RefusesBadInput) {
  const std::vector<std::pair<const char*, Json>> cases{
      {"prompt", {{"prompt", nullptr}}},
      {"prompt", {{"prompt", Json::array()}}},
      {"prompt[1]", {{"prompt", {"a", 7}}}},
      {"prompt[0]", {{"prompt", {-1}}}},
      {"prompt", {{"prompt", std::vector<std::string>(openai::kMaxPrompts + 1, "x")}}},
      {"best_of", {{"prompt", "a"}, {"n", 3}, {"best_of", 2}}},
      {"best_of", {{"prompt", "a"}, {"best_of", 2}, {"stream", true}}},
      {"logprobs", {{"prompt", "a"}, {"logprobs", 21}}},
      {"max_tokens", {{"prompt", "a"}, {"max_tokens", -1}}},
      {"n_predict", {{"prompt", "a"}, {"n_predict", -5}}},
      {"echo", {{"prompt", "a"}, {"echo", true}, {"suffix", "b"}}},
      {"promt", {{"promt", "a"}, {"prompt", "a"}}},
  };
  for (auto [param, body] : cases) {
    body["model"] = "m";
    const auto answer = post("/v1/completions", body);
    EXPECT_EQ(answer.status, 400) << body.dump();
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], param) << answer.body;
  }
}

TEST_F(OpenAiCompletionTest, EmbedsAsNumbersAndAsBase64) {
  engine.embedding_answer = Embeddings{{{0.5F, -1.0F}, {0.1F, 2.0F}}, 3};
  EXPECT_EQ(post("/v1/embeddings", {{"model", "m"}, {"input", {"a", "b"}}, {"dimensions", 2}}).body,
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding",)"
            R"("index":1,"embedding":[0.1,2]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}})");
  EXPECT_EQ(engine.embeddings[0].dimensions, 2);
  EXPECT_EQ(engine.embeddings[0].inputs.size(), 2U);
  const auto packed = post("/v1/embeddings", {{"model", "m"}, {"input", {1, 2, 3}}, {"encoding_format", "base64"}});
  // 0x3F000000 and 0xBF800000, little-endian.
  EXPECT_EQ(Json::parse(packed.body)["data"][0]["embedding"], "AAAAPwAAgL8=");
  EXPECT_EQ(std::get<1>(engine.embeddings[1].inputs.at(0)), (std::vector<TokenId>{1, 2, 3}));
}

TEST_F(OpenAiCompletionTest, RefusesBadEmbeddingRequests) {
  const std::vector<std::pair<const char*, Json>> cases{
      {"input", Json::object()},
      {"input", {{"input", std::vector<std::string>(openai::kMaxEmbeddingInputs + 1, "x")}}},
      {"encoding_format", {{"input", "a"}, {"encoding_format", "int8"}}},
      {"dimensions", {{"input", "a"}, {"dimensions", 0}}},
      {"embd_normalize", {{"input", "a"}, {"embd_normalize", 1}}},
      {"inptu", {{"input", "a"}, {"inptu", "b"}}},
  };
  for (auto [param, body] : cases) {
    body["model"] = "m";
    const auto answer = post("/v1/embeddings", body);
    EXPECT_EQ(answer.status, 400) << body.dump().substr(0, 80);
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], param) << answer.body;
  }
}

TEST_F(OpenAiCompletionTest, RanksInBothDialects) {
  EXPECT_EQ(post("/v1/rerank", {{"model", "m"}, {"query", "q"}, {"documents", {"a", {{"text", "b"}}}}}).body,
            R"({"model":"m","object":"list","usage":{"prompt_tokens":7,"total_tokens":7},"results":[{"index":1,)"
            R"("relevance_score":0.75},{"index":0,"relevance_score":0.25}]})");
  EXPECT_EQ(engine.reranks[0].documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(post("/rerank", {{"query", "q"}, {"texts", {"a", "b"}}, {"return_text", true}}).body,
            R"([{"index":1,"score":0.75,"text":"b"},{"index":0,"score":0.25,"text":"a"}])");
  const auto top =
      post("/v1/reranking",
           {{"model", "m"}, {"query", "q"}, {"documents", {"a", "b"}}, {"top_n", 1}, {"return_documents", true}});
  EXPECT_EQ(Json::parse(top.body)["results"].dump(), R"([{"index":1,"relevance_score":0.75,"document":{"text":"b"}}])");
  EXPECT_EQ(post("/v1/rerank", {{"query", "q"}}).status, 400);
  EXPECT_EQ(post("/v1/rerank", {{"query", "q"}, {"documents", {"a", 1}}}).status, 400);
}

}  // namespace
}  // namespace hearth::api
