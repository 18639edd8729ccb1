// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"

namespace hearth::api::test {
namespace {

using inference::FinishReason;

class Ollama : public ApiTest {
 protected:
  Json chat() { return Json::parse(R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"); }
  Json whole(Json body) {
    body["stream"] = false;
    return body;
  }
};

std::string text_of(const inference::Message& message) {
  std::string out;
  for (const auto& part : message.content) out += std::get<inference::TextPart>(part).text;
  return out;
}

TEST_F(Ollama, AnswersItsRoot) {
  EXPECT_EQ(ask("GET", "/").body, "Ollama is running");
  EXPECT_EQ(ask("HEAD", "/").status, 200);
  EXPECT_EQ(ask("GET", "/api/version").body, R"({"version":"0.0.0-test"})");
}

TEST_F(Ollama, ChatStreamsByDefault) {
  engine.scripts.push_back(says({"Hel", "lo"}));

  const FakeResponder got = post("/api/chat", chat());

  EXPECT_EQ(got.header("content-type"), "application/x-ndjson");
  const auto lines = ndjson_lines(got.body);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["message"], Json::parse(R"({"content":"Hel","role":"assistant"})"));
  EXPECT_EQ(lines[1]["done"], false);
  EXPECT_EQ(lines[2]["done"], true);
  EXPECT_EQ(lines[2]["done_reason"], "stop");
  EXPECT_EQ(lines[2]["eval_count"], 2);
  EXPECT_TRUE(got.finished);
}

TEST_F(Ollama, ChatAnswersWithOneObject) {
  Script script = says({"Hello"});
  script.events.insert(script.events.begin() + 1, reasoning("hm"));
  engine.scripts.push_back(script);

  const Json answer = Json::parse(post("/api/chat", whole(chat())).body);

  EXPECT_EQ(answer["message"]["content"], "Hello");
  EXPECT_EQ(answer["message"]["thinking"], "hm");
  EXPECT_EQ(answer["prompt_eval_count"], 5);
}

TEST_F(Ollama, ChatCarriesAToolCallThereAndBack) {
  engine.scripts.push_back(Script{
      .error = {},
      .events = {prompt_done(5), tool(0, "call_1", "add", "{\"a\":1}"),
                 finished(FinishReason::tool_calls,
                          {.prompt_tokens = 5, .cached_tokens = 0, .completion_tokens = 3, .reasoning_tokens = 0})},
      .hold_at = {}});
  engine.scripts.push_back(says({"2"}));
  Json body = whole(chat());
  body["tools"] = Json::parse(R"([{"type":"function","function":{"name":"add","description":"adds",
    "parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}])");

  const Json first = Json::parse(post("/api/chat", body).body);
  body["messages"].push_back(first["message"]);
  body["messages"].push_back({{"role", "tool"}, {"content", "2"}, {"tool_name", "add"}, {"tool_call_id", "call_1"}});
  const FakeResponder second = post("/api/chat", body);

  EXPECT_EQ(first["message"]["tool_calls"][0]["function"]["arguments"], Json::parse(R"({"a":1})"));
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(engine.chats.at(0).tools.at(0).name, "add");
  const auto& messages = engine.chats.at(1).messages;
  EXPECT_EQ(messages.at(1).tool_calls.at(0).arguments, R"({"a":1})");
  EXPECT_EQ(messages.at(1).tool_calls.at(0).id, "call_1");
  EXPECT_EQ(messages.at(2).tool_name, "add");
  EXPECT_EQ(text_of(messages.at(2)), "2");
}

TEST_F(Ollama, ChatGivesIdsToCallsAndResultsThatHaveNone) {
  engine.scripts.push_back(says({"2"}));
  Json body = chat();
  body["messages"].push_back(Json::parse(R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}},
    {"function":{"name":"f","arguments":{}}}]})"));
  for (const char* text : {"1", "2"})
    body["messages"].push_back({{"role", "tool"}, {"content", text}, {"tool_name", "f"}});

  ASSERT_EQ(post("/api/chat", whole(body)).status, 200);

  const auto& messages = engine.chats.at(0).messages;
  EXPECT_EQ(messages.at(1).tool_calls.at(1).id, "call_2");
  EXPECT_EQ(messages.at(2).tool_call_id, "call_1");
  EXPECT_EQ(messages.at(3).tool_call_id, "call_2");
}

TEST_F(Ollama, ChatReadsOptionsFormatAndKeepAlive) {
  engine.scripts.push_back(says({"{}"}));
  Json body = whole(chat());
  body["options"] = Json::parse(R"({"temperature":0.25,"top_k":7,"num_predict":9,"num_ctx":2048,"stop":["a","b"],
                                    "seed":1,"num_gpu":-1,"num_thread":4})");
  body["format"] = Json::parse(R"({"type":"object"})");
  body["keep_alive"] = "1h";

  ASSERT_EQ(post("/api/chat", body).status, 200);

  const inference::Generation& asked = engine.chats.at(0).generation;
  EXPECT_EQ(asked.sampling.temperature, 0.25F);
  EXPECT_EQ(asked.sampling.top_k, 7);
  EXPECT_EQ(asked.sampling.seed, 1U);
  EXPECT_EQ(asked.max_tokens, 9);
  EXPECT_EQ(asked.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(asked.constraint.kind, inference::Constraint::Kind::json_schema);
  EXPECT_EQ(asked.constraint.text, R"({"type":"object"})");
  EXPECT_EQ(engine.contexts.at(0).context, 2048);
  EXPECT_EQ(engine.contexts.at(0).keep_alive, std::chrono::hours{1});
}

TEST_F(Ollama, SaysWhichOptionsDidNothing) {
  engine.scripts.push_back(says({"x"}));
  Json body = whole(chat());
  body["options"] = {{"num_keep", 4}};

  EXPECT_EQ(post("/api/chat", body).header("x-hearth-degraded"), "options:num_keep");
}

TEST_F(Ollama, GenerateUsesTheTemplateAndReturnsTheContext) {
  engine.scripts.push_back(says({"H", "i"}));

  const FakeResponder got = post("/api/generate", whole({{"model", "m"}, {"prompt", "Q"}, {"system", "S"}}));

  ASSERT_EQ(got.status, 200) << got.body;
  const Json answer = Json::parse(got.body);
  EXPECT_EQ(answer["response"], "Hi");
  EXPECT_EQ(answer["context"], (Json{1, 2}));
  EXPECT_EQ(engine.tokenized, std::vector<std::string>{"<prompt>Hi"});
  ASSERT_EQ(engine.chats.size(), 2U);  // the template for the context, then the answer
  EXPECT_EQ(engine.chats.at(1).messages.at(0).role, "system");
  EXPECT_EQ(text_of(engine.chats.at(1).messages.at(1)), "Q");
}

TEST_F(Ollama, GenerateTakesATemplateInGoAlone) {
  engine.scripts.push_back(says({"x"}));
  const std::string endless = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";

  const FakeResponder jinja = post("/api/generate", whole({{"model", "m"}, {"prompt", "Q"}, {"template", endless}}));
  EXPECT_EQ(jinja.status, 400);
  EXPECT_NE(jinja.body.find("template can only be Go's"), std::string::npos) << jinja.body;
  EXPECT_TRUE(engine.chats.empty());
  post("/api/generate", whole({{"model", "m"}, {"prompt", "Q"}, {"template", "[{{ .Prompt }}]"}}));
  const std::string translated = engine.chats.at(1).template_override;

  EXPECT_NE(translated.find("{%"), std::string::npos);
  EXPECT_EQ(translated.find(".Prompt"), std::string::npos);
}

TEST_F(Ollama, GenerateGoesOnFromAContext) {
  engine.scripts.push_back(says({"Hi"}));

  const FakeResponder got = post("/api/generate", {{"model", "m"}, {"prompt", "Q"}, {"context", {9, 8}}});

  ASSERT_EQ(got.status, 200) << got.body;
  const auto& tokens = std::get<std::vector<inference::TokenId>>(engine.completions.at(0).prompt);
  EXPECT_EQ(tokens, (std::vector<inference::TokenId>{9, 8, 1, 2}));
  EXPECT_FALSE(engine.completions.at(0).add_special);
  EXPECT_EQ(ndjson_lines(got.body).back()["context"], (Json{9, 8, 1, 2}));
  EXPECT_EQ(engine.tokenized, (std::vector<std::string>{"<prompt>", "<prompt>Hi"}));
}

TEST_F(Ollama, GenerateSendsNoContextRatherThanAWrongOne) {
  engine.scripts.push_back(says({"Hi"}));
  engine.pieces = hearth::fail(ErrorCode::invalid_request, "the vocabulary lacks a character");

  const FakeResponder got = post("/api/generate", whole({{"model", "m"}, {"prompt", "Q"}}));

  EXPECT_EQ(got.status, 200);
  EXPECT_FALSE(Json::parse(got.body).contains("context"));
}

TEST_F(Ollama, SaysWhatTheTemplateCouldNotDo) {
  Script script = says({"x"});
  script.degraded = {"no chat template", "no tools"};
  engine.scripts.push_back(script);
  engine.scripts.push_back(script);
  engine.scripts.push_back(script);
  Json body = chat();
  body["options"] = {{"num_keep", 4}};

  EXPECT_EQ(post("/api/chat", body).header("x-hearth-degraded"), "options:num_keep, no chat template, no tools");
  EXPECT_EQ(post("/api/chat", whole(chat())).header("x-hearth-degraded"), "no chat template, no tools");
  EXPECT_EQ(post("/api/generate", whole({{"model", "m"}, {"prompt", "Q"}})).header("x-hearth-degraded"),
            "no chat template, no tools");
}

TEST_F(Ollama, GenerateTakesARawPromptAndASuffix) {
  engine.scripts.push_back(says({"x"}));
  engine.scripts.push_back(says({"x"}));

  const Json raw = Json::parse(post("/api/generate", whole({{"model", "m"}, {"prompt", "P"}, {"raw", true}})).body);
  post("/api/generate", whole({{"model", "m"}, {"prompt", "P"}, {"suffix", "S"}}));

  EXPECT_EQ(std::get<std::string>(engine.completions.at(0).prompt), "P");
  EXPECT_FALSE(engine.completions.at(0).suffix);
  EXPECT_FALSE(raw.contains("context"));
  EXPECT_EQ(engine.completions.at(1).suffix, "S");
}

TEST_F(Ollama, AnEmptyPromptLoads) {
  const Json generate = Json::parse(post("/api/generate", {{"model", "m"}, {"keep_alive", -1}}).body);
  const Json chatted = Json::parse(post("/api/chat", {{"model", "m"}, {"messages", Json::array()}}).body);

  EXPECT_EQ(generate["done_reason"], "load");
  EXPECT_EQ(generate["response"], "");
  EXPECT_EQ(chatted["done_reason"], "load");
  EXPECT_EQ(engine.loaded, (std::vector<std::string>{"m", "m"}));
  EXPECT_EQ(engine.contexts.at(0).keep_alive, std::chrono::seconds{-1});
}

TEST_F(Ollama, AnEmptyPromptWithoutKeepAliveUnloads) {
  const Json answer = Json::parse(post("/api/generate", {{"model", "m"}, {"keep_alive", 0}}).body);

  EXPECT_EQ(answer["done_reason"], "unload");
  EXPECT_EQ(engine.unloaded, std::vector<std::string>{"m"});
  EXPECT_TRUE(engine.loaded.empty());
}

TEST_F(Ollama, UnloadingIsFineWhenTheModelIsThereButNotLoaded) {
  engine.unload_answer = hearth::fail(ErrorCode::not_found, "not loaded");
  store.models.push_back(FakeStore::model("here:latest"));

  EXPECT_EQ(post("/api/generate", {{"model", "here"}, {"keep_alive", "0s"}}).status, 200);
  const FakeResponder gone = post("/api/generate", {{"model", "nowhere"}, {"keep_alive", "0s"}});
  EXPECT_EQ(gone.status, 404);
  EXPECT_NE(Json::parse(gone.body)["error"].get<std::string>().find("nowhere"), std::string::npos);
}

TEST_F(Ollama, ThinkingNeedsAModelThatCan) {
  Json body = whole(chat());
  body["think"] = true;

  const FakeResponder refused = post("/api/chat", body);
  engine.info->can_think = true;
  engine.scripts.push_back(says({"x"}));
  body["think"] = "low";
  const FakeResponder answered = post("/api/chat", body);

  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(Json::parse(refused.body)["error"], "\"m\" does not support thinking");
  EXPECT_EQ(answered.status, 200);
  EXPECT_EQ(engine.chats.at(0).reasoning.enabled, true);
  EXPECT_EQ(engine.chats.at(0).reasoning.effort, "low");
}

TEST_F(Ollama, EmbedsTexts) {
  const Json answer = Json::parse(post("/api/embed", {{"model", "m"}, {"input", {"a", "b"}}, {"dimensions", 8}}).body);

  EXPECT_EQ(answer["embeddings"], (Json{{0.5, -1.0}}));
  EXPECT_EQ(answer["prompt_eval_count"], 3);
  EXPECT_EQ(engine.embeddings.at(0).inputs.size(), 2U);
  EXPECT_EQ(engine.embeddings.at(0).dimensions, 8);
  EXPECT_TRUE(engine.embeddings.at(0).normalize);
}

TEST_F(Ollama, OlderEmbeddingsAreNotNormalized) {
  EXPECT_EQ(post("/api/embeddings", {{"model", "m"}, {"prompt", "a"}}).body, R"({"embedding":[0.5,-1]})");
  EXPECT_FALSE(engine.embeddings.at(0).normalize);
}

TEST_F(Ollama, EmbedCutsOnlyWhenAskedToAndSaysSo) {
  engine.embedding_answer = hearth::fail(ErrorCode::context_too_long, "9 tokens, but 8 fit");

  const FakeResponder refused = post("/api/embed", {{"model", "m"}, {"input", "a"}});
  const std::size_t asked_before = engine.embeddings.size();
  engine.truncated_answer = inference::Embeddings{{{1.0F}}, 8};
  const FakeResponder cut = post("/api/embed", {{"model", "m"}, {"input", "a"}, {"truncate", true}});

  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(Json::parse(refused.body)["error"], "9 tokens, but 8 fit");
  EXPECT_EQ(asked_before, 1U);
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(cut.header("x-hearth-degraded"), "truncated");
  ASSERT_EQ(engine.embeddings.size(), 3U);  // whole first, so that a cut is known to have been one
  EXPECT_FALSE(engine.embeddings.at(1).truncate);
  EXPECT_TRUE(engine.embeddings.at(2).truncate);
}

TEST_F(Ollama, ListsAndShowsModels) {
  store.models.push_back(FakeStore::model("a:latest"));
  engine.running_now.push_back({.name = "a:latest", .digest = std::string(64, 'a'), .bytes = 9, .context = 4096});

  const Json tags = Json::parse(ask("GET", "/api/tags").body);
  const Json ps = Json::parse(ask("GET", "/api/ps").body);
  const Json shown = Json::parse(post("/api/show", {{"model", "a"}}).body);

  EXPECT_EQ(tags["models"][0]["name"], "a:latest");
  EXPECT_EQ(tags["models"][0]["size"], 1'000'000);
  EXPECT_EQ(tags["models"][0]["details"]["quantization_level"], "Q4_K_M");
  EXPECT_EQ(ps["models"][0]["context_length"], 4096);
  EXPECT_EQ(ps["models"][0]["details"]["family"], "llama");
  EXPECT_EQ(shown["capabilities"], (Json{"completion", "tools"}));
  EXPECT_EQ(post("/api/show", {{"model", "b"}}).status, 404);
}

TEST_F(Ollama, FullQueuesAre503) {
  engine.scripts.push_back(Script{.error = Error{ErrorCode::rate_limited, "server busy", {}, std::chrono::seconds{2}},
                                  .events = {},
                                  .hold_at = {}});

  const FakeResponder got = post("/api/chat", chat());

  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(got.body, R"({"error":"server busy"})");
  EXPECT_EQ(got.header("retry-after"), "2");
}

TEST_F(Ollama, ABrokenStreamEndsWithAnErrorLine) {
  Script script = says({"Hel"});
  script.events.back() = failed(ErrorCode::internal, "broke");
  engine.scripts.push_back(script);

  const auto lines = ndjson_lines(post("/api/chat", chat()).body);

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1], Json::parse(R"({"error":"broke"})"));
}

struct Bad {
  const char* path;
  const char* body;
  const char* named;
};

class OllamaBadInput : public Ollama, public ::testing::WithParamInterface<Bad> {};

TEST_P(OllamaBadInput, IsA400ThatNamesTheField) {
  const FakeResponder got = ask("POST", GetParam().path, GetParam().body);

  EXPECT_EQ(got.status, 400) << got.body;
  EXPECT_NE(Json::parse(got.body)["error"].get<std::string>().find(GetParam().named), std::string::npos) << got.body;
  EXPECT_TRUE(engine.chats.empty());
  EXPECT_TRUE(engine.completions.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Fields, OllamaBadInput,
    ::testing::Values(
        Bad{"/api/chat", R"({"messages":[]})", "model"}, Bad{"/api/chat", R"({"model":"m","messages":{}})", "messages"},
        Bad{"/api/chat", R"({"model":"m","messages":[{"role":"robot"}]})", "messages[0].role"},
        Bad{"/api/chat", R"({"model":"m","messages":[{"role":"user","content":[]}]})", "messages[0].content"},
        Bad{"/api/chat", R"({"model":"m","messages":[{"role":"user","images":["a*k="]}]})", "images[0]"},
        Bad{"/api/chat",
            R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]})",
            "arguments"},
        Bad{"/api/chat", R"({"model":"m","options":{"temprature":1}})", "temprature"},
        Bad{"/api/chat", R"({"model":"m","options":{"temperature":"hot"}})", "temperature"},
        Bad{"/api/chat", R"({"model":"m","options":{"num_predict":-5}})", "num_predict"},
        Bad{"/api/chat", R"({"model":"m","options":{"num_ctx":1e18}})", "num_ctx"},
        Bad{"/api/chat", R"({"model":"m","options":{"top_p":{}}})", "top_p"},
        Bad{"/api/chat", R"({"model":"m","keep_alive":"soon"})", "keep_alive"},
        Bad{"/api/chat", R"({"model":"m","keep_alive":true})", "keep_alive"},
        Bad{"/api/chat", R"({"model":"m","format":"xml"})", "format"},
        Bad{"/api/chat", R"({"model":"m","think":"max"})", "think"},
        Bad{"/api/chat", R"({"model":"m","truncate":true})", "truncate"},
        Bad{"/api/chat", R"({"model":"m","shift":true})", "shift"},
        Bad{"/api/chat", R"({"model":"m","top_logprobs":3})", "top_logprobs"},
        Bad{"/api/chat", R"({"model":"m","logprobs":true,"top_logprobs":21})", "top_logprobs"},
        Bad{"/api/chat", R"({"model":"m","stream":"yes"})", "stream"},
        Bad{"/api/chat", R"({"model":"m","message":[]})", "messages"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","raw":true,"images":["aGk="]})", "images"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","raw":true,"system":"s"})", "raw"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","raw":true,"think":true})", "think"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","suffix":"b","system":"s"})", "suffix"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","context":[1],"think":true})", "think"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","context":[-1]})", "context[0]"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","template":"{{ if .Prompt }}"})", "template"},
        Bad{"/api/generate", R"({"model":"m","prompt":"a","width":64})", "width"},
        Bad{"/api/generate", R"({"model":"m","prompt":7})", "prompt"}, Bad{"/api/generate", "{", "byte"},
        Bad{"/api/embed", R"({"model":"m","input":[1]})", "input[0]"},
        Bad{"/api/embed", R"({"model":"m","input":"a","dimensions":0})", "dimensions"},
        Bad{"/api/show", R"({})", "model"}, Bad{"/api/show", R"({"model":"m","system":"x"})", "system"},
        Bad{"/api/pull", R"({"model":"m","username":"u"})", "username"},
        Bad{"/api/copy", R"({"source":"a"})", "destination"}, Bad{"/api/create", R"({"model":"m"})", "from"},
        Bad{"/api/create", R"({"model":"m","from":"/etc/passwd"})", "from"},
        Bad{"/api/create", R"({"model":"m","from":"../x.gguf"})", "from"},
        Bad{"/api/create", R"({"model":"m","files":{"x.gguf":"sha256:../../x"}})", "files"},
        Bad{"/api/create", R"({"model":"m","from":"a","parameters":{"heat":1}})", "heat"},
        Bad{"/api/create", R"({"model":"m","from":"a","renderer":"x"})", "renderer"},
        Bad{"/api/create", R"({"model":"m","modelfile":"FROM x"})", "modelfile"},
        Bad{"/api/blobs/sha256:zz", "", "digest"}));

}  // namespace
}  // namespace hearth::api::test
