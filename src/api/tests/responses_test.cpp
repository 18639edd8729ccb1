// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"
#include "responses_store.hpp"

namespace hearth::api {
namespace {

using namespace test;
using namespace inference;

class ResponsesTest : public ApiTest {
 protected:
  Json respond(const Json& body) {
    const auto answer = post("/v1/responses", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  static std::vector<std::string> types(const std::vector<Json>& events) {
    std::vector<std::string> out;
    for (const Json& e : events) out.push_back(e["type"]);
    return out;
  }
  static std::string text_of(const Message& message) { return std::get<TextPart>(message.content.at(0)).text; }
};

TEST_F(ResponsesTest, AnswersInOneObject) {
  engine.scripts = {says({"Hel", "lo"})};
  const Json body = respond({{"model", "m"},
                             {"input", "hi"},
                             {"instructions", "be brief"},
                             {"max_output_tokens", 99},
                             {"temperature", 0.5},
                             {"metadata", {{"k", "v"}}}});
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("resp_"));
  EXPECT_EQ(body["object"], "response");
  EXPECT_EQ(body["status"], "completed");
  EXPECT_TRUE(body["error"].is_null());
  EXPECT_TRUE(body["incomplete_details"].is_null());
  EXPECT_EQ(body["instructions"], "be brief");
  EXPECT_EQ(body["max_output_tokens"], 99);
  EXPECT_EQ(body["metadata"].dump(), R"({"k":"v"})");
  EXPECT_EQ(body["tool_choice"], "auto");
  EXPECT_EQ(body["tools"].dump(), "[]");
  EXPECT_EQ(body["text"].dump(), R"({"format":{"type":"text"}})");
  Json item = body["output"].at(0);
  EXPECT_TRUE(item["id"].get<std::string>().starts_with("msg_"));
  item["id"] = "ID";
  EXPECT_EQ(item.dump(),
            R"({"id":"ID","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text",)"
            R"("text":"Hello","annotations":[],"logprobs":[]}]})");
  EXPECT_EQ(body["usage"].dump(),
            R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":2},"output_tokens":2,"output_tokens_details":)"
            R"({"reasoning_tokens":0},"total_tokens":7})");
  ASSERT_EQ(engine.chats[0].messages.size(), 2U);
  EXPECT_EQ(engine.chats[0].messages[0].role, "system");
  EXPECT_EQ(engine.chats[0].generation.max_tokens, 99);
}

TEST_F(ResponsesTest, AnAnswerThatWasCutIsIncomplete) {
  for (const bool stream : {false, true}) {
    engine.scripts = {
        {.events = {
             prompt_done(1), text("a"),
             finished(FinishReason::length,
                      {.prompt_tokens = 1, .cached_tokens = 0, .completion_tokens = 1, .reasoning_tokens = 0})}}};
    const auto answer =
        post("/v1/responses", {{"model", "m"}, {"input", "hi"}, {"max_output_tokens", 1}, {"stream", stream}});
    Json body = stream ? sse_data(answer.body).back()["response"] : Json::parse(answer.body);
    EXPECT_EQ(body["status"], "incomplete");
    EXPECT_EQ(body["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(body["output"][0]["status"], "incomplete");
    if (stream) EXPECT_EQ(sse_data(answer.body).back()["type"], "response.incomplete");
  }
}

TEST_F(ResponsesTest, AnAnswerThatWasFilteredIsIncomplete) {
  engine.scripts = {{.events = {prompt_done(1), text("a"), finished(FinishReason::content_filter, {})}}};
  const Json body = Json::parse(post("/v1/responses", {{"model", "m"}, {"input", "hi"}}).body);
  EXPECT_EQ(body["status"], "incomplete");
  EXPECT_EQ(body["incomplete_details"]["reason"], "content_filter");
}

TEST_F(ResponsesTest, StreamsEveryEventInOrderWithItsPlace) {
  engine.scripts = {
      {.events = {prompt_done(3), reasoning("hm"), text("a"), text("b"), tool(0, "call_1", "f", "{\"x\""),
                  tool(0, "", "", ":1}"), tool(1, "call_2", "g", "{}"),
                  finished(FinishReason::tool_calls,
                           {.prompt_tokens = 3, .cached_tokens = 0, .completion_tokens = 9, .reasoning_tokens = 1})}}};
  const auto answer = post("/v1/responses", {{"model", "m"}, {"input", "hi"}, {"stream", true}});
  const auto events = sse_data(answer.body);
  EXPECT_EQ(types(events), (std::vector<std::string>{"response.created",
                                                     "response.in_progress",
                                                     "response.output_item.added",
                                                     "response.content_part.added",
                                                     "response.reasoning_text.delta",
                                                     "response.reasoning_text.done",
                                                     "response.content_part.done",
                                                     "response.output_item.done",
                                                     "response.output_item.added",
                                                     "response.content_part.added",
                                                     "response.output_text.delta",
                                                     "response.output_text.delta",
                                                     "response.output_text.done",
                                                     "response.content_part.done",
                                                     "response.output_item.done",
                                                     "response.output_item.added",
                                                     "response.function_call_arguments.delta",
                                                     "response.function_call_arguments.delta",
                                                     "response.function_call_arguments.done",
                                                     "response.output_item.done",
                                                     "response.output_item.added",
                                                     "response.function_call_arguments.delta",
                                                     "response.function_call_arguments.done",
                                                     "response.output_item.done",
                                                     "response.completed"}));
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i]["sequence_number"], i);
  EXPECT_EQ(events[0]["response"]["status"], "in_progress");
  EXPECT_EQ(events[10]["output_index"], 1);
  EXPECT_EQ(events[10]["content_index"], 0);
  EXPECT_EQ(events[10]["item_id"], events[8]["item"]["id"]);
  EXPECT_EQ(events[10]["delta"], "a");
  EXPECT_EQ(events[12]["text"], "ab");
  EXPECT_EQ(events[18]["arguments"], R"({"x":1})");
  EXPECT_EQ(events[23]["item"]["call_id"], "call_2");
  EXPECT_EQ(events[24]["response"]["output"].size(), 4U);
  EXPECT_EQ(events[24]["response"]["usage"]["output_tokens_details"]["reasoning_tokens"], 1);
  EXPECT_TRUE(answer.body.starts_with("event: response.created\ndata: {"));
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
}

TEST_F(ResponsesTest, AFailureInTheMiddleIsAnErrorEventAndAFailedResponse) {
  engine.scripts = {{.events = {prompt_done(1), text("a"), failed(ErrorCode::internal, "broke")}}};
  const auto events = sse_data(post("/v1/responses", {{"model", "m"}, {"input", "hi"}, {"stream", true}}).body);
  EXPECT_EQ(events[events.size() - 2]["type"], "error");
  EXPECT_EQ(events.back()["type"], "response.failed");
  EXPECT_EQ(events.back()["response"]["status"], "failed");
  EXPECT_EQ(events.back()["response"]["error"]["message"], "broke");
}

TEST_F(ResponsesTest, ContinuesAStoredResponseWithoutItsInstructions) {
  for (const bool stream : {false, true}) {
    engine.chats.clear();
    engine.scripts = {says({"four"}), says({"eight"})};
    const auto first =
        post("/v1/responses", {{"model", "m"}, {"input", "2+2?"}, {"instructions", "be brief"}, {"stream", stream}});
    const std::string id = stream ? sse_data(first.body).back()["response"]["id"] : Json::parse(first.body)["id"];
    const Json second = respond({{"model", "m"}, {"input", "twice?"}, {"previous_response_id", id}});
    EXPECT_EQ(second["previous_response_id"], id);
    ASSERT_EQ(engine.chats.at(1).messages.size(), 3U);
    EXPECT_EQ(text_of(engine.chats[1].messages[0]), "2+2?");
    EXPECT_EQ(engine.chats[1].messages[1].role, "assistant");
    EXPECT_EQ(text_of(engine.chats[1].messages[1]), "four");
  }
}

TEST_F(ResponsesTest, StoredResponsesAreReadAndDeleted) {
  engine.scripts = {says({"x"}), says({"y"})};
  const Json body = respond({{"model", "m"}, {"input", "hi"}});
  const std::string path = "/v1/responses/" + body["id"].get<std::string>();
  EXPECT_EQ(Json::parse(ask("GET", path).body), body);
  EXPECT_EQ(Json::parse(ask("DELETE", path).body)["deleted"], true);
  EXPECT_EQ(ask("GET", path).status, 404);
  EXPECT_EQ(ask("DELETE", path).status, 404);
  const Json unstored = respond({{"model", "m"}, {"input", "hi"}, {"store", false}});
  EXPECT_EQ(ask("GET", "/v1/responses/" + unstored["id"].get<std::string>()).status, 404);
  EXPECT_EQ(post("/v1/responses", {{"model", "m"}, {"input", "hi"}, {"previous_response_id", "resp_x"}}).status, 404);
}

TEST_F(ResponsesTest, ReadsItemsOfEveryKind) {
  engine.scripts = {says({"ok"})};
  respond(
      {{"model", "m"},
       {"input",
        Json::array({Json{{"role", "user"}, {"content", Json::array({Json{{"type", "input_text"}, {"text", "q"}}})}},
                     Json{{"type", "reasoning"},
                          {"id", "rs_1"},
                          {"summary", Json::array()},
                          {"content", Json::array({Json{{"type", "reasoning_text"}, {"text", "hm"}}})}},
                     Json{{"type", "function_call"}, {"call_id", "c1"}, {"name", "f"}, {"arguments", "{}"}},
                     Json{{"type", "function_call"}, {"call_id", "c2"}, {"name", "g"}, {"arguments", "{}"}},
                     Json{{"type", "function_call_output"}, {"call_id", "c2"}, {"output", "42"}}})},
       {"text",
        {{"format", {{"type", "json_schema"}, {"name", "n"}, {"schema", {{"type", "object"}}}, {"strict", true}}}}},
       {"tools",
        Json::array({Json{{"type", "function"}, {"name", "f"}, {"parameters", Json::object()}, {"strict", true}}})},
       {"tool_choice", {{"type", "function"}, {"name", "f"}}}});
  const ChatRequest& chat = engine.chats.at(0);
  ASSERT_EQ(chat.messages.size(), 3U);
  EXPECT_EQ(chat.messages[1].reasoning, "hm");
  EXPECT_EQ(chat.messages[1].tool_calls.size(), 2U);
  EXPECT_EQ(chat.messages[2].role, "tool");
  EXPECT_EQ(chat.messages[2].tool_name, "g");
  EXPECT_EQ(chat.generation.constraint.kind, Constraint::Kind::json_schema);
  EXPECT_EQ(chat.tool_choice.name, "f");
}

TEST_F(ResponsesTest, CountsInputTokens) {
  EXPECT_EQ(post("/v1/responses/input_tokens", {{"model", "m"}, {"input", "hi"}}).body,
            R"({"object":"response.input_tokens","input_tokens":11})");
}

TEST_F(ResponsesTest, RefusesBadInput) {
  const std::vector<std::pair<const char*, Json>> cases{
      {"input", Json::object()},
      {"input", {{"input", Json::array()}}},
      {"input", {{"input", 7}}},
      {"input[0].type", {{"input", Json::array({Json{{"type", "web_search_call"}}})}}},
      {"input[0].role", {{"input", Json::array({Json{{"role", "robot"}, {"content", "x"}}})}}},
      {"input[0].call_id", {{"input", Json::array({Json{{"type", "function_call_output"}, {"output", "x"}}})}}},
      {"background", {{"input", "x"}, {"background", true}}},
      {"truncation", {{"input", "x"}, {"truncation", "auto"}}},
      {"conversation", {{"input", "x"}, {"conversation", "c"}}},
      {"max_output_tokens", {{"input", "x"}, {"max_output_tokens", 0}}},
      {"text.format.type", {{"input", "x"}, {"text", {{"format", {{"type", "xml"}}}}}}},
      {"text.format.schema", {{"input", "x"}, {"text", {{"format", {{"type", "json_schema"}, {"name", "n"}}}}}}},
      {"include[0]", {{"input", "x"}, {"include", {"file_search_call.results"}}}},
      {"reasoning.summary", {{"input", "x"}, {"reasoning", {{"summary", "detailed"}}}}},
      {"tools[0].type", {{"input", "x"}, {"tools", Json::array({Json{{"type", "web_search"}}})}}},
      {"max_output_token", {{"input", "x"}, {"max_output_token", 5}}},
  };
  for (auto [param, body] : cases) {
    body["model"] = "m";
    const auto answer = post("/v1/responses", body);
    EXPECT_EQ(answer.status, 400) << body.dump();
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], param) << answer.body;
  }
  EXPECT_TRUE(engine.chats.empty());
}

StoredResponse stored(std::string id, std::size_t bytes = 0) { return {std::move(id), std::string(bytes, 'x'), {}}; }

TEST(ResponseStore, TheOldestGoesWhenTheNumberIsReached) {
  ResponseStore store{{2, 1'000'000, std::chrono::seconds{10}}};
  const Clock::time_point now{};
  for (const char* id : {"a", "b", "c"}) store.put(stored(id), now);
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.find("a", "", now), nullptr);
  EXPECT_NE(store.find("c", "", now), nullptr);
}

TEST(ResponseStore, TheOldestGoesWhenTheBytesAreReachedAndTheTooLargeIsNotKept) {
  ResponseStore store{{10, 5'000, std::chrono::seconds{10}}};
  const Clock::time_point now{};
  store.put(stored("a", 2'000), now);
  store.put(stored("b", 2'000), now);
  store.put(stored("c", 2'000), now);
  EXPECT_EQ(store.find("a", "", now), nullptr);
  EXPECT_NE(store.find("b", "", now), nullptr);
  store.put(stored("huge", 6'000), now);
  EXPECT_EQ(store.find("huge", "", now), nullptr);
  EXPECT_EQ(store.size(), 2U);
}

TEST(ResponseStore, ForgetsAfterItsTime) {
  ResponseStore store{{10, 5'000, std::chrono::seconds{10}}};
  const Clock::time_point now{};
  store.put(stored("a"), now);
  EXPECT_NE(store.find("a", "", now + std::chrono::seconds{9}), nullptr);
  EXPECT_EQ(store.find("a", "", now + std::chrono::seconds{10}), nullptr);
  EXPECT_FALSE(store.erase("a", "", now + std::chrono::seconds{10}));
  store.put(stored("b"), now + std::chrono::seconds{20});
  EXPECT_EQ(store.size(), 1U);
}

}  // namespace
}  // namespace hearth::api
