// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"

namespace hearth::api::test {
namespace {

using inference::FinishReason;
using inference::ToolChoice;

class Anthropic : public ApiTest {
 protected:
  Json body() { return Json::parse(R"({"model":"m","max_tokens":16,"messages":[{"role":"user","content":"Hi"}]})"); }
  FakeResponder with(const char* pointer, const char* value) {
    Json b = body();
    b[Json::json_pointer{pointer}] = Json::parse(value);
    return post("/v1/messages", b, {{"anthropic-version", "2023-06-01"}});
  }
};

std::string text_of(const inference::Message& message) {
  std::string out;
  for (const auto& part : message.content) out += std::get<inference::TextPart>(part).text;
  return out;
}

/// For comparing objects whose members may come in any order.
nlohmann::json unordered(const Json& json) { return nlohmann::json::parse(json.dump()); }

TEST_F(Anthropic, AnswersOneMessage) {
  engine.scripts.push_back(says({"Hel", "lo"}));

  const FakeResponder got = post("/v1/messages", body());

  ASSERT_EQ(got.status, 200) << got.body;
  const Json answer = Json::parse(got.body);
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(unordered(answer["content"]), unordered(Json::parse(R"([{"type":"text","text":"Hello"}])")));
  EXPECT_EQ(answer["stop_reason"], "end_turn");
  EXPECT_EQ(answer["usage"]["input_tokens"], 3);
  EXPECT_EQ(answer["usage"]["cache_read_input_tokens"], 2);
  EXPECT_EQ(got.header("x-hearth-target"), "local/m");
  EXPECT_FALSE(got.header("request-id").empty());
  EXPECT_EQ(engine.chats.at(0).generation.max_tokens, 16);
}

TEST_F(Anthropic, StreamsEvents) {
  engine.scripts.push_back(says({"Hel", "lo"}));
  Json b = body();
  b["stream"] = true;

  const FakeResponder got = post("/v1/messages", b);

  EXPECT_TRUE(got.header("content-type").starts_with("text/event-stream"));
  std::string types;
  for (const Json& event : sse_data(got.body)) types += event["type"].get<std::string>() + " ";
  EXPECT_EQ(types,
            "message_start ping content_block_start content_block_delta content_block_delta content_block_stop "
            "message_delta message_stop ");
  EXPECT_TRUE(got.finished);
}

TEST_F(Anthropic, SendsAnErrorEventWhenAStreamBreaks) {
  Script script = says({"Hel"});
  script.events.back() = failed(ErrorCode::unavailable, "shutting down");
  engine.scripts.push_back(script);
  Json b = body();
  b["stream"] = true;

  const FakeResponder got = post("/v1/messages", b);

  EXPECT_EQ(got.status, 200);
  EXPECT_NE(got.body.find("event: error\n"), std::string::npos);
  EXPECT_EQ(sse_data(got.body).back()["error"]["type"], "overloaded_error");
}

TEST_F(Anthropic, CarriesAToolCallThereAndBack) {
  engine.scripts.push_back(Script{
      .error = {},
      .events = {prompt_done(5), tool(0, "call_1", "add", "{\"a\":1}"),
                 finished(FinishReason::tool_calls,
                          {.prompt_tokens = 5, .cached_tokens = 0, .completion_tokens = 3, .reasoning_tokens = 0})},
      .hold_at = {}});
  engine.scripts.push_back(says({"2"}));
  Json b = body();
  b["tools"] = Json::parse(R"([{"name":"add","description":"adds","input_schema":{"type":"object"}}])");
  b["tool_choice"] = Json::parse(R"({"type":"tool","name":"add","disable_parallel_tool_use":true})");

  const Json first = Json::parse(post("/v1/messages", b).body);
  b["messages"].push_back({{"role", "assistant"}, {"content", first["content"]}});
  b["messages"].push_back({{"role", "user"}, {"content", Json::parse(R"([
    {"type":"tool_result","tool_use_id":"call_1","content":[{"type":"text","text":"2"}]},
    {"type":"text","text":"So?"}])")}});
  const FakeResponder second = post("/v1/messages", b);

  EXPECT_EQ(first["stop_reason"], "tool_use");
  EXPECT_EQ(unordered(first["content"]),
            unordered(Json::parse(R"([{"type":"tool_use","id":"call_1","name":"add","input":{"a":1}}])")));
  const inference::ChatRequest& asked = engine.chats.at(0);
  EXPECT_EQ(asked.tools.at(0).parameters, R"({"type":"object"})");
  EXPECT_EQ(asked.tool_choice.mode, ToolChoice::Mode::named);
  EXPECT_EQ(asked.tool_choice.name, "add");
  EXPECT_EQ(asked.parallel_tool_calls, false);
  ASSERT_EQ(second.status, 200) << second.body;
  const auto& messages = engine.chats.at(1).messages;
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[1].tool_calls.at(0).arguments, R"({"a":1})");
  EXPECT_EQ(messages[2].role, "tool");
  EXPECT_EQ(messages[2].tool_call_id, "call_1");
  EXPECT_EQ(messages[2].tool_name, "add");
  EXPECT_EQ(text_of(messages[2]), "2");
  EXPECT_EQ(text_of(messages[3]), "So?");
}

TEST_F(Anthropic, TellsTheModelThatAToolFailed) {
  engine.scripts.push_back(says({"x"}));

  with("/messages", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no disk"}]}])");

  EXPECT_EQ(text_of(engine.chats.at(0).messages.at(1)), "Error: no disk");
}

TEST_F(Anthropic, ReadsSystemSamplingAndStops) {
  engine.scripts.push_back(says({"x"}));
  Json b = body();
  b["system"] = Json::parse(R"([{"type":"text","text":"Be ","cache_control":{"type":"ephemeral"}},
                                {"type":"text","text":"kind."}])");
  b["temperature"] = 0.5;
  b["top_p"] = 0.9;
  b["top_k"] = 40;
  b["stop_sequences"] = {"END"};
  b["metadata"] = {{"user_id", "u"}};

  ASSERT_EQ(post("/v1/messages", b).status, 200);

  const inference::ChatRequest& asked = engine.chats.at(0);
  EXPECT_EQ(asked.messages.at(0).role, "system");
  EXPECT_EQ(text_of(asked.messages.at(0)), "Be kind.");
  EXPECT_EQ(asked.generation.sampling.temperature, 0.5F);
  EXPECT_EQ(asked.generation.sampling.top_p, 0.9F);
  EXPECT_EQ(asked.generation.sampling.top_k, 40);
  EXPECT_EQ(asked.generation.stop, std::vector<std::string>{"END"});
}

TEST_F(Anthropic, GoesOnFromALastAssistantMessage) {
  engine.scripts.push_back(says({"x"}));

  with("/messages", R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"The answer is"}])");

  EXPECT_TRUE(engine.chats.at(0).continue_final_message);
  EXPECT_FALSE(engine.chats.at(0).add_generation_prompt);
}

TEST_F(Anthropic, KeepsThinkingOfEarlierTurns) {
  engine.scripts.push_back(says({"x"}));

  with("/messages", R"([{"role":"user","content":"Hi"},{"role":"assistant","content":[
    {"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"A"}]},{"role":"user","content":"B"}])");

  EXPECT_EQ(engine.chats.at(0).messages.at(1).reasoning, "hm");
}

TEST_F(Anthropic, GivesAThinkingModelItsBudget) {
  engine.info->can_think = true;
  engine.scripts.push_back(says({"x"}));

  const FakeResponder got = with("/thinking", R"({"type":"enabled","budget_tokens":8})");

  EXPECT_EQ(engine.chats.at(0).reasoning.enabled, true);
  EXPECT_EQ(engine.chats.at(0).reasoning.budget_tokens, 8);
  EXPECT_EQ(got.header("x-hearth-degraded"), "");
}

TEST_F(Anthropic, SaysWhenTheModelCannotThink) {
  engine.scripts.push_back(says({"x"}));

  const FakeResponder got = with("/thinking", R"({"type":"enabled","budget_tokens":8})");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("x-hearth-degraded"), "thinking");
  EXPECT_FALSE(engine.chats.at(0).reasoning.enabled);
}

TEST_F(Anthropic, EnforcesAnOutputSchema) {
  engine.scripts.push_back(says({"{}"}));

  with("/output_config", R"({"format":{"type":"json_schema","schema":{"type":"object"}},"effort":"low"})");

  const inference::ChatRequest& asked = engine.chats.at(0);
  EXPECT_EQ(asked.generation.constraint.kind, inference::Constraint::Kind::json_schema);
  EXPECT_EQ(asked.generation.constraint.text, R"({"type":"object"})");
  EXPECT_EQ(asked.reasoning.effort, "low");
}

TEST_F(Anthropic, CountsTokensWithoutMaxTokens) {
  Json b = body();
  b.erase("max_tokens");

  const FakeResponder got = post("/v1/messages/count_tokens", b);

  EXPECT_EQ(got.body, R"({"input_tokens":11})");
}

TEST_F(Anthropic, RendersErrorsInItsOwnStyle) {
  engine.scripts.push_back(
      Script{.error = Error{ErrorCode::not_found, "no model 'm'", "model", {}}, .events = {}, .hold_at = {}});

  const FakeResponder got = post("/v1/messages", body());

  EXPECT_EQ(got.status, 404);
  const Json error = Json::parse(got.body);
  EXPECT_EQ(error["type"], "error");
  EXPECT_EQ(error["error"]["type"], "not_found_error");
  EXPECT_EQ(error["error"]["message"], "no model 'm'");
}

struct Bad {
  const char* pointer;
  const char* value;
  const char* named;  // must be in the message
};

class AnthropicBadInput : public Anthropic, public ::testing::WithParamInterface<Bad> {};

TEST_P(AnthropicBadInput, IsA400ThatNamesTheField) {
  const FakeResponder got = with(GetParam().pointer, GetParam().value);

  EXPECT_EQ(got.status, 400) << got.body;
  EXPECT_NE(Json::parse(got.body)["error"]["message"].get<std::string>().find(GetParam().named), std::string::npos)
      << got.body;
  EXPECT_TRUE(engine.chats.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Fields, AnthropicBadInput,
    ::testing::Values(
        Bad{"/max_tokens", "null", "max_tokens"}, Bad{"/max_tokens", "0", "max_tokens"},
        Bad{"/max_tokens", "1000000000000000000", "max_tokens"}, Bad{"/max_tokens", "\"5\"", "max_tokens"},
        Bad{"/model", "null", "model"}, Bad{"/model", "\"\"", "model"}, Bad{"/messages", "[]", "messages"},
        Bad{"/messages", "{}", "messages"}, Bad{"/messages/0/role", "\"robot\"", "messages[0].role"},
        Bad{"/messages/0/content", "[]", "messages[0].content"}, Bad{"/messages/0/content", "7", "messages[0].content"},
        Bad{"/messages/0/content", R"([{"type":"image","source":{}}])", "source.type"},
        Bad{"/messages/0/content", R"([{"type":"document"}])", "document"},
        Bad{"/messages/0/content", R"([{"type":"tool_use","id":"a","name":"b","input":{}}])", "tool_use"},
        Bad{"/messages/0/content", R"([{"type":"tool_result","tool_use_id":"a"}])", "tool_use_id"},
        Bad{"/messages/0/content", R"([{"type":"text"}])", "messages[0].content[0].text"},
        Bad{"/messages/0/content", R"([{"type":"text","text":"a","loud":true}])", "loud"},
        Bad{"/temperature", "1.5", "temperature"}, Bad{"/temperature", "1e308", "temperature"},
        Bad{"/top_p", "-0.1", "top_p"}, Bad{"/top_k", "-1", "top_k"},
        Bad{"/stop_sequences", "[\"\"]", "stop_sequences"}, Bad{"/stream", "1", "stream"},
        Bad{"/tools", R"([{"type":"bash_20250124","name":"bash"}])", "bash_20250124"},
        Bad{"/tools", R"([{"name":"f"}])", "input_schema"}, Bad{"/tool_choice", R"({"type":"any"})", "tool_choice"},
        Bad{"/tool_choice", R"({"type":"tool","name":"f"})", "tool_choice"},
        Bad{"/thinking", R"({"type":"enabled"})", "budget_tokens"},
        Bad{"/thinking", R"({"type":"enabled","budget_tokens":16})", "budget_tokens"},
        Bad{"/thinking", R"({"type":"adaptive","display":"omitted"})", "display"},
        Bad{"/output_config", R"({"effort":"max"})", "effort"},
        Bad{"/output_config", R"({"format":{"type":"json_schema"}})", "schema"}, Bad{"/speed", "\"fast\"", "speed"},
        Bad{"/container", "\"c\"", "container"}, Bad{"/inference_geo", "\"eu\"", "inference_geo"},
        Bad{"/max_token", "5", "max_tokens"}));

}  // namespace
}  // namespace hearth::api::test
