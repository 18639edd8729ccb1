// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"

namespace hearth::api {
namespace {

using namespace test;
using namespace inference;

class OpenAiChatTest : public ApiTest {
 protected:
  static Json chat() { return Json{{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}}; }
  static Json with(std::initializer_list<std::pair<const char*, Json>> fields) {
    Json body = chat();
    for (const auto& [name, value] : fields) body[name] = value;
    return body;
  }
  /// What the engine was asked for by this body.
  ChatRequest asked(const Json& body) {
    engine.scripts = {says({"ok"})};
    const auto answer = post("/v1/chat/completions", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.status == 200 ? engine.chats.back() : ChatRequest{};
  }
  static std::string text_of(const Message& message) { return std::get<TextPart>(message.content.at(0)).text; }
};

TEST_F(OpenAiChatTest, AnswersInOneObject) {
  engine.scripts = {says({"Hel", "lo"})};
  const auto answer = post("/v1/chat/completions", chat());

  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("x-hearth-target"), "local/m");
  EXPECT_EQ(answer.header("x-hearth-zone"), "device");
  Json body = Json::parse(answer.body);
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_GT(body["created"], 1'700'000'000);
  body["id"] = "ID";
  body["created"] = 0;
  EXPECT_EQ(body.dump(),
            R"({"id":"ID","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":)"
            R"("assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{)"
            R"("prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2},)"
            R"("completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default","system_fingerprint":)"
            R"("hearth-0.0.0-test"})");
}

TEST_F(OpenAiChatTest, StreamsChunksWithUsageAndDone) {
  engine.scripts = {says({"a\n"})};
  const auto answer =
      post("/v1/chat/completions", with({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));

  EXPECT_EQ(answer.header("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(answer.body.ends_with("\n\ndata: [DONE]\n\n"));
  const auto data = sse_data(answer.body);
  ASSERT_EQ(data.size(), 4U);
  EXPECT_EQ(data[0]["object"], "chat.completion.chunk");
  EXPECT_EQ(
      data[0]["choices"].dump(),
      R"([{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}])");
  EXPECT_TRUE(data[0]["usage"].is_null());
  EXPECT_EQ(data[1]["choices"].dump(),
            R"([{"index":0,"delta":{"content":"a\n"},"logprobs":null,"finish_reason":null}])");
  EXPECT_EQ(data[2]["choices"].dump(), R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])");
  EXPECT_EQ(data[3]["choices"].dump(), "[]");
  EXPECT_EQ(data[3]["usage"]["total_tokens"], 6);
  EXPECT_EQ(data[3]["id"], data[0]["id"]);
}

TEST_F(OpenAiChatTest, StreamsReasoningToolCallsAndLogprobs) {
  TextDelta with_logprobs{"x", {{7, "x", -0.5F, {{7, "x", -0.5F}, {8, "\xFF", -1.5F}}}}, {7}};
  engine.scripts = {
      {.events = {prompt_done(3), reasoning("hm"), Event{0, with_logprobs}, tool(0, "call_1", "add", ""),
                  tool(0, "", "", "{\"a\":"), tool(0, "", "", "1}"),
                  finished(FinishReason::tool_calls,
                           {.prompt_tokens = 3, .cached_tokens = 0, .completion_tokens = 9, .reasoning_tokens = 1})}}};
  const auto data = sse_data(post("/v1/chat/completions", with({{"stream", true}})).body);
  ASSERT_EQ(data.size(), 7U);
  EXPECT_EQ(data[1]["choices"][0]["delta"].dump(), R"({"reasoning_content":"hm"})");
  EXPECT_EQ(data[2]["choices"][0]["logprobs"].dump(),
            "{\"content\":[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":[120],\"top_logprobs\":[{\"token\":\"x\","
            "\"logprob\":-0.5,"
            "\"bytes\":[120]},{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-1.5,\"bytes\":[255]}]}],\"refusal\":null}");
  EXPECT_EQ(data[3]["choices"][0]["delta"].dump(),
            R"({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"add","arguments":""}}]})");
  EXPECT_EQ(data[4]["choices"][0]["delta"].dump(),
            R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]})");
  EXPECT_EQ(data[6]["choices"][0]["finish_reason"], "tool_calls");
}

/// What an OpenAI server said that no native event says, and a refusal.
Script odd(std::string words, bool refusal, FinishReason reason) {
  TextDelta delta{std::move(words), {}, {}};
  delta.refusal = refusal;
  const auto opaque = [](inference::Wire wire, std::string json) {
    return Event{0, inference::Opaque{wire, std::move(json)}};
  };
  return {.events = {prompt_done(3), opaque(inference::Wire::openai, R"({"audio":{"id":"a","data":"AA"}})"),
                     Event{0, delta}, opaque(inference::Wire::openai, R"({"audio":{"data":"BB"},"annotations":[1]})"),
                     opaque(inference::Wire::openai, R"({"annotations":[2]})"),
                     opaque(inference::Wire::gemini, R"({"groundingMetadata":{}})"), finished(reason, {})}};
}

TEST_F(OpenAiChatTest, WhatOnlyOpenAiSaysIsPassedOn) {
  engine.scripts = {odd("x", false, FinishReason::stop), odd("x", false, FinishReason::stop)};
  const Json message = Json::parse(post("/v1/chat/completions", chat()).body)["choices"][0]["message"];
  EXPECT_EQ(message["audio"].dump(), R"({"id":"a","data":"AABB"})");
  EXPECT_EQ(message["annotations"].dump(), "[1,2]");
  EXPECT_FALSE(message.contains("groundingMetadata"));
  const auto data = sse_data(post("/v1/chat/completions", with({{"stream", true}})).body);
  EXPECT_EQ(data[1]["choices"][0]["delta"].dump(), R"({"audio":{"id":"a","data":"AA"}})");
  EXPECT_EQ(data[4]["choices"][0]["delta"].dump(), R"({"annotations":[2]})");
}

TEST_F(OpenAiChatTest, ARefusalIsNoContentAndAFilterSaysSo) {
  engine.scripts = {odd("I can't.", true, FinishReason::content_filter),
                    odd("I can't.", true, FinishReason::content_filter),
                    odd("cut", false, FinishReason::content_filter)};
  const Json choice = Json::parse(post("/v1/chat/completions", chat()).body)["choices"][0];
  EXPECT_TRUE(choice["message"]["content"].is_null());
  EXPECT_EQ(choice["message"]["refusal"], "I can't.");
  EXPECT_EQ(choice["finish_reason"], "stop");
  const auto data = sse_data(post("/v1/chat/completions", with({{"stream", true}})).body);
  EXPECT_EQ(data[2]["choices"][0]["delta"].dump(), R"({"refusal":"I can't."})");
  EXPECT_EQ(data.back()["choices"][0]["finish_reason"], "stop");
  const Json filtered = Json::parse(post("/v1/chat/completions", chat()).body)["choices"][0];
  EXPECT_EQ(filtered["message"]["content"], "cut");
  EXPECT_EQ(filtered["finish_reason"], "content_filter");
}

TEST_F(OpenAiChatTest, ToolCallsComeWithoutContent) {
  engine.scripts = {
      {.events = {prompt_done(3), tool(0, "c0", "f", "{}"), tool(1, "c1", "g", "{\"x\":1}"),
                  finished(FinishReason::tool_calls,
                           {.prompt_tokens = 3, .cached_tokens = 0, .completion_tokens = 4, .reasoning_tokens = 0})}}};
  const Json body = Json::parse(post("/v1/chat/completions", chat()).body);
  const Json& message = body["choices"][0]["message"];
  EXPECT_TRUE(message["content"].is_null());
  EXPECT_EQ(message["tool_calls"].dump(),
            R"([{"id":"c0","type":"function","function":{"name":"f","arguments":"{}"}},)"
            R"({"id":"c1","type":"function","function":{"name":"g","arguments":"{\"x\":1}"}}])");
}

TEST_F(OpenAiChatTest, SeveralChoicesShareOnePromptInTheUsage) {
  engine.scripts = {
      {.events = {
           prompt_done(5, 0, 0), prompt_done(5, 5, 1), text("a", 0), text("b", 1),
           finished(FinishReason::length,
                    {.prompt_tokens = 5, .cached_tokens = 5, .completion_tokens = 2, .reasoning_tokens = 0}, 1),
           finished(FinishReason::stop,
                    {.prompt_tokens = 5, .cached_tokens = 0, .completion_tokens = 1, .reasoning_tokens = 0}, 0)}}};
  const Json body = Json::parse(post("/v1/chat/completions", with({{"n", 2}})).body);
  EXPECT_EQ(engine.chats.back().generation.n, 2);
  EXPECT_EQ(body["choices"][0]["message"]["content"], "a");
  EXPECT_EQ(body["choices"][1]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
}

TEST_F(OpenAiChatTest, ReadsMessagesOfEveryKind) {
  const ChatRequest request = asked(Json{
      {"model", "m"},
      {"messages",
       Json::array({Json{{"role", "developer"}, {"content", "be brief"}},
                    Json{{"role", "user"},
                         {"content", Json::array({Json{{"type", "text"}, {"text", "see"}},
                                                  Json{{"type", "image_url"},
                                                       {"image_url", {{"url", "data:image/png;base64,aGVsbG8="}}}}})}},
                    Json{{"role", "assistant"},
                         {"content", nullptr},
                         {"tool_calls", Json::array({Json{{"id", "c1"},
                                                          {"type", "function"},
                                                          {"function", {{"name", "f"}, {"arguments", "{}"}}}}})}},
                    Json{{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "42"}}})}});
  ASSERT_EQ(request.messages.size(), 4U);
  EXPECT_EQ(request.messages[0].role, "system");
  const auto& image = std::get<ImagePart>(request.messages[1].content.at(1));
  EXPECT_EQ(image.mime_type, "image/png");
  EXPECT_EQ(image.bytes, "hello");
  EXPECT_EQ(request.messages[2].tool_calls.at(0).name, "f");
  EXPECT_EQ(request.messages[3].tool_name, "f");
}

TEST_F(OpenAiChatTest, CarriesEverySamplingFieldUnderItsName) {
  const ChatRequest request = asked(with({{"temperature", 0.5},
                                          {"top_k", 7},
                                          {"top_p", 0.9},
                                          {"min_p", 0.1},
                                          {"typical_p", 0.8},
                                          {"repeat_penalty", 1.1},
                                          {"dry_multiplier", 0.7},
                                          {"xtc_probability", 0.2},
                                          {"mirostat", 2},
                                          {"mirostat_tau", 4.0},
                                          {"samplers", "kpt"},
                                          {"ignore_eos", true},
                                          {"seed", 9}}));
  const Sampling& s = request.generation.sampling;
  EXPECT_FLOAT_EQ(*s.temperature, 0.5F);
  EXPECT_EQ(s.top_k, 7);
  EXPECT_FLOAT_EQ(*s.min_p, 0.1F);
  EXPECT_FLOAT_EQ(*s.typical_p, 0.8F);
  EXPECT_FLOAT_EQ(*s.repeat_penalty, 1.1F);
  EXPECT_FLOAT_EQ(*s.dry_multiplier, 0.7F);
  EXPECT_EQ(s.mirostat, 2);
  EXPECT_EQ(s.samplers, (std::vector<std::string>{"top_k", "top_p", "temperature"}));
  EXPECT_EQ(s.ignore_eos, true);
  EXPECT_EQ(s.seed, 9U);
}

TEST_F(OpenAiChatTest, ReadsConstraintsWithTheirFieldOrder) {
  using Kind = Constraint::Kind;
  const auto constraint = [&](const char* name, const Json& value) {
    return asked(with({{name, value}})).generation.constraint;
  };
  EXPECT_EQ(constraint("response_format", {{"type", "text"}}).kind, Kind::none);
  EXPECT_EQ(constraint("response_format", {{"type", "json_object"}}).kind, Kind::json_object);
  const Constraint schema = constraint(
      "response_format", {{"type", "json_schema"}, {"json_schema", {{"name", "n"}, {"schema", {{"z", 1}, {"a", 2}}}}}});
  EXPECT_EQ(schema.kind, Kind::json_schema);
  EXPECT_EQ(schema.text, R"({"z":1,"a":2})");
  EXPECT_EQ(constraint("grammar", "root ::= \"a\"").kind, Kind::gbnf);
  EXPECT_EQ(constraint("guided_regex", "a+").text, "a+");
  EXPECT_EQ(constraint("regex", "b+").kind, Kind::regex);
  EXPECT_EQ(constraint("choice", {"yes", "no"}).choices, (std::vector<std::string>{"yes", "no"}));
  EXPECT_EQ(constraint("guided_json", R"({"type":"object"})").kind, Kind::json_schema);
}

TEST_F(OpenAiChatTest, ReadsToolsAndTheirChoice) {
  const Json tools = Json::array({Json{
      {"type", "function"}, {"function", {{"name", "add"}, {"parameters", {{"type", "object"}}}, {"strict", true}}}}});
  ChatRequest request =
      asked(with({{"tools", tools}, {"tool_choice", {{"type", "function"}, {"function", {{"name", "add"}}}}}}));
  EXPECT_EQ(request.tool_choice.mode, ToolChoice::Mode::named);
  EXPECT_EQ(request.tools.at(0).parameters, R"({"type":"object"})");
  EXPECT_TRUE(request.tools.at(0).strict);
  request = asked(with({{"tools", tools}, {"tool_choice", "required"}, {"parallel_tool_calls", false}}));
  EXPECT_EQ(request.tool_choice.mode, ToolChoice::Mode::required);
  EXPECT_EQ(request.parallel_tool_calls, false);
}

TEST_F(OpenAiChatTest, ReadsLengthStopsLogprobsAndReasoning) {
  ChatRequest request = asked(with({{"max_completion_tokens", 9},
                                    {"stop", "END"},
                                    {"logprobs", true},
                                    {"top_logprobs", 3},
                                    {"chat_template_kwargs", {{"enable_thinking", false}, {"x", {1, 2}}}}}));
  EXPECT_EQ(request.generation.max_tokens, 9);
  EXPECT_EQ(request.generation.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(request.generation.logprobs, 3);
  EXPECT_EQ(request.reasoning.enabled, false);
  EXPECT_EQ(request.template_arguments.at("x"), "[1,2]");
  request = asked(with({{"reasoning_effort", "none"}, {"n_predict", -1}}));
  EXPECT_EQ(request.reasoning.enabled, false);
  EXPECT_EQ(request.generation.max_tokens, std::nullopt);
}

TEST_F(OpenAiChatTest, SaysWhenAnEffortWasReplacedByTheNearest) {
  engine.scripts = {says({"ok"})};
  const auto answer = post("/v1/chat/completions", with({{"reasoning_effort", "minimal"}}));
  EXPECT_EQ(engine.chats.back().reasoning.effort, "low");
  EXPECT_EQ(answer.header("x-hearth-degraded"), "reasoning_effort=low;asked=minimal");
}

TEST_F(OpenAiChatTest, FieldsWithoutEffectOnTheAnswerAreTaken) {
  asked(with({{"user", "u"},
              {"metadata", {{"a", "b"}}},
              {"store", false},
              {"service_tier", "auto"},
              {"safety_identifier", "s"},
              {"prompt_cache_key", "k"},
              {"id_slot", -1},
              {"cache_prompt", false},
              {"verbosity", "medium"},
              {"modalities", {"text"}},
              {"temperature", nullptr}}));
  EXPECT_FALSE(engine.chats.back().generation.cache_prompt);
}

TEST_F(OpenAiChatTest, AnUnnamedModelIsTheOnlyOne) {
  Json body = chat();
  body.erase("model");
  EXPECT_EQ(asked(body).model, "only");
  engine.only_model = fail(ErrorCode::invalid_request, "name one of: a, b", "model");
  EXPECT_EQ(post("/v1/chat/completions", body).status, 400);
}

TEST_F(OpenAiChatTest, CountsInputTokens) {
  EXPECT_EQ(post("/v1/chat/completions/input_tokens", chat()).body,
            R"({"object":"response.input_tokens","input_tokens":11})");
}

struct Bad {
  const char* field;
  const char* value;
  const char* param;
};

class OpenAiChatBadInput : public OpenAiChatTest, public ::testing::WithParamInterface<Bad> {};

TEST_P(OpenAiChatBadInput, IsA400ThatNamesTheField) {
  const Bad& bad = GetParam();
  Json body = chat();
  body[bad.field] = Json::parse(bad.value);
  const auto answer = post("/v1/chat/completions", body);
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_EQ(Json::parse(answer.body)["error"]["param"], bad.param) << answer.body;
  EXPECT_EQ(Json::parse(answer.body)["error"]["type"], "invalid_request_error");
  EXPECT_TRUE(engine.chats.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, OpenAiChatBadInput,
    ::testing::Values(
        Bad{"n_predict", "-5", "n_predict"}, Bad{"temperature", "1e308", "temperature"},
        Bad{"temperature", "-1", "temperature"}, Bad{"max_tokens", "1000000000000000000", "max_tokens"},
        Bad{"max_tokens", "0", "max_tokens"}, Bad{"max_tokens", "\"many\"", "max_tokens"},
        Bad{"max_completion_tokens", "1.5", "max_completion_tokens"}, Bad{"n", "0", "n"}, Bad{"n", "65", "n"},
        Bad{"n", "1e30", "n"}, Bad{"top_p", "1.1", "top_p"}, Bad{"top_logprobs", "3", "top_logprobs"},
        Bad{"logprobs", "5", "logprobs"}, Bad{"stop", "[\"\"]", "stop"}, Bad{"stop", "{}", "stop"},
        Bad{"seed", "1.5", "seed"}, Bad{"frequency_penalty", "3", "frequency_penalty"},
        Bad{"logit_bias", "{\"1\":1000}", "logit_bias.1"}, Bad{"mirostat", "3", "mirostat"},
        Bad{"samplers", "\"kz\"", "samplers"}, Bad{"stream", "\"yes\"", "stream"},
        Bad{"stream_options", "{\"include_usage\":true}", "stream_options"}, Bad{"store", "true", "store"},
        Bad{"functions", "[]", "functions"}, Bad{"function_call", "\"auto\"", "function_call"},
        Bad{"web_search_options", "{}", "web_search_options"}, Bad{"modalities", "[\"audio\"]", "modalities[0]"},
        Bad{"verbosity", "\"high\"", "verbosity"}, Bad{"temprature", "1", "temprature"}, Bad{"lora", "[]", "lora"},
        Bad{"response_format", "{\"type\":\"xml\"}", "response_format.type"},
        Bad{"response_format", "{\"type\":\"json_schema\"}", "response_format.json_schema"},
        Bad{"response_format", "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\"}}",
            "response_format.json_schema.schema"},
        Bad{"tool_choice", "\"required\"", "tool_choice"}, Bad{"tool_choice", "\"sometimes\"", "tool_choice"},
        Bad{"tool_choice", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "tool_choice"},
        Bad{"tools", "[{\"type\":\"custom\"}]", "tools[0].type"},
        Bad{"tools", "[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]", "tools[0].function.name"},
        Bad{"tools", "[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":[]}}]",
            "tools[0].function.parameters"},
        Bad{"messages", "[]", "messages"}, Bad{"messages", "null", "messages"}, Bad{"messages", "\"hi\"", "messages"},
        Bad{"messages", "[{\"role\":\"usr\",\"content\":\"x\"}]", "messages[0].role"},
        Bad{"messages", "[{\"role\":\"user\"}]", "messages[0].content"},
        Bad{"messages", "[{\"role\":\"user\",\"content\":7}]", "messages[0].content"},
        Bad{"messages", "[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]",
            "messages[0].content[0].type"},
        Bad{"messages",
            "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x,y\"}}]}]",
            "messages[0].content[0].image_url.url"},
        Bad{"messages", "[{\"role\":\"user\",\"content\":\"x\",\"colour\":1}]", "messages[0].colour"},
        Bad{"messages", "[{\"role\":\"tool\",\"content\":\"x\"}]", "messages[0].tool_call_id"},
        Bad{"messages", "[{\"role\":\"assistant\"}]", "messages[0].content"},
        Bad{"chat_template_kwargs", "[]", "chat_template_kwargs"}, Bad{"guided_choice", "[]", "guided_choice"},
        Bad{"reasoning_effort", "\"huge\"", "reasoning_effort"}, Bad{"model", "7", "model"}));

TEST_F(OpenAiChatTest, WhatIsTakenOtherwiseThanAskedIsSaid) {
  engine.scripts = {says({"ok"})};
  Json body = with({{"reasoning_effort", "max"}});
  body["messages"][0]["name"] = "ann";

  const auto answer = post("/v1/chat/completions", body);

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("x-hearth-degraded"), "messages.name, reasoning_effort=high;asked=max");
  EXPECT_EQ(engine.chats.back().reasoning.effort, "high");
}

TEST_F(OpenAiChatTest, MalformedBodiesAre400) {
  for (const char* body : {"", "{", "[]", "null", "{\"model\":\"m\",}", "\xFF\xFE", "{\"a\":\"\xC3\"}"}) {
    const auto answer = ask("POST", "/v1/chat/completions", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_FALSE(Json::parse(answer.body)["error"]["message"].get<std::string>().empty());
  }
}

TEST_F(OpenAiChatTest, TooManyStopsAreRefused) {
  EXPECT_EQ(post("/v1/chat/completions", with({{"stop", std::vector<std::string>(kMaxStops + 1, "x")}})).status, 400);
  asked(with({{"stop", std::vector<std::string>(kMaxStops, "x")}}));
}

}  // namespace
}  // namespace hearth::api
