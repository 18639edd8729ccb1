// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"

namespace hearth::api::test {
namespace {

using inference::Constraint;
using inference::TokenId;

class Native : public ApiTest {};

TEST_F(Native, CompletesAPromptOfTheOnlyModel) {
  engine.scripts.push_back(says({"Hel", "lo"}));

  const FakeResponder got = post("/completion", {{"prompt", "P"}, {"n_predict", 4}, {"temperature", 0.5}});

  ASSERT_EQ(got.status, 200) << got.body;
  const Json answer = Json::parse(got.body);
  EXPECT_EQ(answer["content"], "Hello");
  EXPECT_EQ(answer["model"], "only");
  EXPECT_EQ(answer["prompt"], "P");
  EXPECT_EQ(answer["stop_type"], "eos");
  EXPECT_EQ(answer["timings"]["cache_n"], 2);
  EXPECT_EQ(answer["generation_settings"]["temperature"], 0.5);
  EXPECT_EQ(answer["generation_settings"]["n_predict"], 4);
  EXPECT_EQ(engine.completions.at(0).generation.max_tokens, 4);
}

TEST_F(Native, StreamsWithoutADoneMark) {
  engine.scripts.push_back(says({"Hel", "lo"}));

  const FakeResponder got = post("/completions", {{"prompt", "P"}, {"stream", true}});

  const auto events = sse_data(got.body);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0]["content"], "Hel");
  EXPECT_EQ(events[2]["stop"], true);
  EXPECT_EQ(got.body.find("[DONE]"), std::string::npos);
}

TEST_F(Native, AnswersSeveralPromptsWithAList) {
  engine.scripts.push_back(says({"x"}));
  engine.scripts.push_back(says({"y"}));

  const Json answers = Json::parse(post("/completion", Json::parse(R"({"prompt":["A",[1,2]]})")).body);

  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]["content"], "x");
  EXPECT_EQ(answers[0]["prompt"], "A");
  EXPECT_EQ(answers[1]["content"], "y");
  EXPECT_EQ(answers[1]["index"], 1);
  EXPECT_EQ(std::get<std::vector<TokenId>>(engine.completions.at(1).prompt), (std::vector<TokenId>{1, 2}));
}

TEST_F(Native, ReadsWhatLlamaServersClientsSend) {
  engine.scripts.push_back(says({"x"}));

  const FakeResponder got = post("/completion", Json::parse(R"({"prompt":[3,4],"n_predict":-1,"n_keep":0,"n_discard":0,
    "id_slot":-1,"cache_prompt":false,"n_probs":3,"stop":["a"],"grammar":"root ::= \"a\"","return_tokens":true,
    "samplers":["top_k","temperature"],"lora":[],"timings_per_token":true,"t_max_predict_ms":50,"seed":-1})"));

  ASSERT_EQ(got.status, 200) << got.body;
  const inference::CompletionRequest& asked = engine.completions.at(0);
  EXPECT_EQ(std::get<std::vector<TokenId>>(asked.prompt), (std::vector<TokenId>{3, 4}));
  EXPECT_FALSE(asked.generation.max_tokens);
  EXPECT_FALSE(asked.generation.cache_prompt);
  EXPECT_EQ(asked.generation.logprobs, 3);
  EXPECT_EQ(asked.generation.constraint.kind, Constraint::Kind::gbnf);
  EXPECT_EQ(asked.generation.time_limit, std::chrono::milliseconds{50});
  EXPECT_FALSE(asked.generation.sampling.seed);
}

TEST_F(Native, FillsInTheMiddle) {
  engine.scripts.push_back(says({"x"}));

  const FakeResponder got = post("/infill", Json::parse(R"({"input_prefix":"int f(","input_suffix":") {}",
    "prompt":"int a","input_extra":[{"filename":"a.h","text":"int g;"}]})"));

  ASSERT_EQ(got.status, 200) << got.body;
  const inference::CompletionRequest& asked = engine.completions.at(0);
  EXPECT_EQ(std::get<std::string>(asked.prompt), "int f(int a");
  EXPECT_EQ(asked.suffix, ") {}");
  EXPECT_EQ(asked.infill_files.at(0), (std::pair<std::string, std::string>{"a.h", "int g;"}));
}

TEST_F(Native, TokenizesAndBack) {
  engine.pieces = std::vector<provider::Piece>{{1, "a"}, {2, "\xC3"}};

  EXPECT_EQ(post("/tokenize", {{"content", "ab"}}).body, R"({"tokens":[1,2]})");
  EXPECT_EQ(Json::parse(post("/tokenize", {{"content", "ab"}, {"with_pieces", true}}).body),
            Json::parse(R"({"tokens":[{"id":1,"piece":"a"},{"id":2,"piece":[195]}]})"));
  EXPECT_EQ(post("/detokenize", {{"tokens", {1, 2}}}).body, R"({"content":"ab"})");
}

TEST_F(Native, RendersATemplate) {
  const FakeResponder got = post("/apply-template", Json::parse(R"({"messages":[{"role":"user","content":"Hi"}]})"));

  EXPECT_EQ(got.body, R"({"prompt":"<prompt>"})");
  EXPECT_EQ(engine.chats.at(0).model, "only");
}

TEST_F(Native, EmbedsInItsOwnShape) {
  EXPECT_EQ(post("/embedding", {{"content", "a"}}).body, R"([{"index":0,"embedding":[[0.5,-1]]}])");
  EXPECT_EQ(post("/embeddings", {{"input", {"a", "b"}}, {"embd_normalize", -1}}).status, 200);
  EXPECT_TRUE(engine.embeddings.at(0).normalize);
  EXPECT_EQ(engine.embeddings.at(1).inputs.size(), 2U);
  EXPECT_FALSE(engine.embeddings.at(1).normalize);
}

TEST_F(Native, TellsItsHealth) {
  EXPECT_EQ(ask("GET", "/health").body, R"({"status":"ok"})");
  draining = true;
  const FakeResponder got = ask("GET", "/v1/health");
  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(Json::parse(got.body)["error"]["type"], "unavailable_error");
}

TEST_F(Native, ShowsPropsAndSlots) {
  engine.info->context = 4096;
  engine.slots_now.push_back({.id = 3, .processing = true});
  engine.slots_now.push_back({.id = 4, .processing = false});

  const Json props = Json::parse(ask("GET", "/props").body);
  const Json slots = Json::parse(ask("GET", "/slots").body);

  EXPECT_EQ(props["model_alias"], "only");
  EXPECT_EQ(props["total_slots"], 2);
  EXPECT_EQ(slots[0]["id"], 3);
  EXPECT_EQ(slots[0]["is_processing"], true);
  EXPECT_EQ(ask("GET", "/lora-adapters").body, "[]");
}

TEST_F(Native, SlotsFailWhenAskedToAndAllAreBusy) {
  engine.slots_now.push_back({.id = 3, .processing = true});
  net::Request probe = request("GET", "/slots");
  probe.query["fail_on_no_slot"] = "1";
  FakeResponder busy;
  FakeResponder idle;

  run(probe, busy);
  engine.slots_now.push_back({.id = 4, .processing = false});
  run(probe, idle);

  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(idle.status, 200);
  EXPECT_EQ(ask("GET", "/slots").status, 200);
}

TEST_F(Native, MetricsComeFromTheHook) {
  EXPECT_EQ(ask("GET", "/metrics").status, 404);

  Services s = services();
  s.metrics_text = [] { return std::string{"up 1\n"}; };
  const net::Handler handler = make_handler(std::move(s));
  net::Request scrape = request("GET", "/metrics");
  FakeResponder got;
  asio::co_spawn(io, handler(scrape, got), asio::detached);
  io.restart();
  io.run();

  EXPECT_EQ(got.body, "up 1\n");
  EXPECT_TRUE(got.header("content-type").starts_with("text/plain; version=0.0.4"));
}

TEST_F(Native, NamesAModelThatIsMissing) {
  engine.only_model = hearth::fail(ErrorCode::invalid_request, "name a model: several are loaded", "model");

  const FakeResponder got = post("/completion", {{"prompt", "P"}});

  EXPECT_EQ(got.status, 400);
  EXPECT_EQ(Json::parse(got.body)["error"]["message"], "name a model: several are loaded");
}

struct Bad {
  const char* path;
  const char* body;
  const char* named;
};

class NativeBadInput : public Native, public ::testing::WithParamInterface<Bad> {};

TEST_P(NativeBadInput, IsA400ThatNamesTheField) {
  const FakeResponder got = ask("POST", GetParam().path, GetParam().body);

  EXPECT_EQ(got.status, 400) << got.body;
  const Json error = Json::parse(got.body)["error"];
  EXPECT_EQ(error["code"], 400);
  EXPECT_NE(error["message"].get<std::string>().find(GetParam().named), std::string::npos) << got.body;
  EXPECT_TRUE(engine.completions.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Fields, NativeBadInput,
    ::testing::Values(
        Bad{"/completion", "{}", "prompt"}, Bad{"/completion", R"({"prompt":[]})", "prompt"},
        Bad{"/completion", R"({"prompt":7})", "prompt"}, Bad{"/completion", R"({"prompt":["a",1]})", "prompt[0]"},
        Bad{"/completion", R"({"prompt":[-1]})", "prompt[0]"},
        Bad{"/completion", R"({"prompt":{"prompt_string":"a","multimodal_data":["x"]}})", "multimodal_data"},
        Bad{"/completion", R"({"prompt":"a","n_predict":-5})", "n_predict"},
        Bad{"/completion", R"({"prompt":"a","n_predict":1000000000000000000})", "n_predict"},
        Bad{"/completion", R"({"prompt":"a","n_predict":4,"max_tokens":5})", "max_tokens"},
        Bad{"/completion", R"({"prompt":"a","temperature":1e308})", "temperature"},
        Bad{"/completion", R"({"prompt":"a","n_discard":-1})", "n_discard"},
        Bad{"/completion", R"({"prompt":"a","n_discard":-9223372036854775808})", "n_discard"},
        Bad{"/completion", R"({"prompt":"a","n_keep":4})", "n_keep"},
        Bad{"/completion", R"({"prompt":"a","n_keep":-1})", "n_keep"},
        Bad{"/completion", R"({"prompt":"a","id_slot":0})", "id_slot"},
        Bad{"/completion", R"({"prompt":"a","n_cache_reuse":256})", "n_cache_reuse"},
        Bad{"/completion", R"({"prompt":"a","n_indent":2})", "n_indent"},
        Bad{"/completion", R"({"prompt":"a","lora":[{"id":0,"scale":1}]})", "lora"},
        Bad{"/completion", R"({"prompt":"a","post_sampling_probs":true})", "post_sampling_probs"},
        Bad{"/completion", R"({"prompt":"a","n_probs":-1})", "n_probs"},
        Bad{"/completion", R"({"prompt":"a","n_probs":100000})", "n_probs"},
        Bad{"/completion", R"({"prompt":"a","n":0})", "n"}, Bad{"/completion", R"({"prompt":"a","n":65})", "n"},
        Bad{"/completion", R"({"prompt":"a","mirostat":3})", "mirostat"},
        Bad{"/completion", R"({"prompt":"a","stop":""})", "stop"},
        Bad{"/completion", R"({"prompt":"a","speculative.n_max":4})", "speculative.n_max"},
        Bad{"/completion", R"({"prompt":"a","temprature":1})", "temperature"},
        Bad{"/infill", R"({"input_prefix":"a"})", "input_suffix"},
        Bad{"/infill", R"({"input_prefix":"a","input_suffix":"b","prompt":["c"]})", "prompt"},
        Bad{"/infill", R"({"input_prefix":"a","input_suffix":"b","input_extra":[{"filename":"x"}]})", "text"},
        Bad{"/tokenize", R"({"content":[1]})", "content"}, Bad{"/tokenize", "[]", "object"},
        Bad{"/detokenize", R"({"tokens":[1,"a"]})", "tokens[1]"}, Bad{"/detokenize", R"({"tokens":[-1]})", "tokens[0]"},
        Bad{"/detokenize", R"({"tokens":[99999999999]})", "tokens[0]"}, Bad{"/detokenize", "{}", "tokens"},
        Bad{"/embedding", "{}", "content"},
        Bad{"/embedding", R"({"content":"a","embd_normalize":0})", "embd_normalize"},
        Bad{"/embedding", R"({"content":"a","input":"b"})", "input"}));

}  // namespace
}  // namespace hearth::api::test
