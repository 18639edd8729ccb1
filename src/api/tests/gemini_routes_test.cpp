// SPDX-License-Identifier: Apache-2.0
// Gemini's API: bad input and what is particular to it; whole conversations are in tests/api/matrix.test.mjs.
#include "api_fixture.hpp"
#include "error_render.hpp"
#include "gemini_schema.hpp"

namespace hearth::api::test {
namespace {

struct Bad {
  const char* path;
  const char* body;
  const char* named;  // must be in the message
};

class Gemini : public ApiTest {};
class GeminiBadInput : public Gemini, public ::testing::WithParamInterface<Bad> {};

constexpr const char* kGenerate = "/v1beta/models/m:generateContent";

TEST_P(GeminiBadInput, IsA400ThatNamesTheField) {
  const FakeResponder got = post(GetParam().path, Json::parse(GetParam().body));
  EXPECT_EQ(got.status, 400) << got.body;
  const Json error = Json::parse(got.body)["error"];
  EXPECT_EQ(error["code"], 400);
  EXPECT_EQ(error["status"], "INVALID_ARGUMENT");
  EXPECT_NE(error["message"].get<std::string>().find(GetParam().named), std::string::npos) << got.body;
  EXPECT_TRUE(engine.chats.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Fields, GeminiBadInput,
    ::testing::Values(
        Bad{kGenerate, R"({})", "contents"}, Bad{kGenerate, R"({"contents":[]})", "contents"},
        Bad{kGenerate, R"({"contents":[{"role":"robot","parts":[{"text":"a"}]}]})", "contents[0].role"},
        Bad{kGenerate, R"({"contents":[{"parts":[{}]}]})", "contents[0].parts[0].text"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a","loud":1}]}]})", "loud"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"aGk="}}]}]})",
            "mimeType"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]})",
            "functionResponse.name"},
        Bad{kGenerate, R"({"contents":[{"role":"model","parts":[{"executableCode":{"code":"1"}}]}]})",
            "parts[0].executableCode"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"c"})", "cachedContent"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"codeExecution":{}}]})", "codeExecution"},
        Bad{kGenerate,
            R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}})", "mode"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"temperature":1e308}})",
            "temperature"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":0}})",
            "maxOutputTokens"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"candidateCount":9}})",
            "candidateCount"},
        Bad{kGenerate,
            R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseSchema":{"type":"OBJECT"}}})",
            "responseMimeType"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseModalities":["AUDIO"]}})",
            "responseModalities"},
        Bad{kGenerate, R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseLogprobs":true}})",
            "responseLogprobs"},
        Bad{"/v1beta/models/m:embedContent", R"({})", "content"},
        Bad{"/v1beta/models/m:batchEmbedContents", R"({"requests":[]})", "requests"}));

TEST_F(Gemini, VersionOneIsAskedToo) {
  engine.scripts = {says({"x"})};
  EXPECT_EQ(post("/v1/models/m:generateContent", Json::parse(R"({"contents":[{"parts":[{"text":"a"}]}]})")).status,
            200);
  EXPECT_EQ(family_of_path("/v1/models/llama3:8b:streamGenerateContent"), Family::gemini)
      << "also before a route is found";
  EXPECT_EQ(family_of_path("/v1/models/llama3:8b"), Family::openai);
}

TEST_F(Gemini, AnUnknownMethodIsA404InGooglesWords) {
  const FakeResponder got = post("/v1beta/models/m:frobnicate", Json::object());
  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(Json::parse(got.body)["error"]["status"], "NOT_FOUND");
}

Json two_calls() {
  return Json::parse(R"({"contents":[{"parts":[{"text":"a"}]},
    {"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},{"functionCall":{"name":"f","args":{"n":2}}}]},
    {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"one"}}},
                            {"functionResponse":{"name":"f","response":{"result":"two"}}}]}]})");
}

TEST_F(Gemini, ResultsByNameAnswerTheCallsInTheirOrder) {
  engine.scripts = {says({"x"})};
  ASSERT_EQ(post(kGenerate, two_calls()).status, 200);
  const auto& messages = engine.chats.at(0).messages;
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_NE(messages[1].tool_calls.at(0).id, messages[1].tool_calls.at(1).id);
  EXPECT_EQ(messages[2].tool_call_id, messages[1].tool_calls.at(0).id);
  EXPECT_EQ(messages[3].tool_call_id, messages[1].tool_calls.at(1).id);
}

TEST_F(Gemini, OneAllowedFunctionNameLeavesNoOther) {
  engine.scripts = {says({"x"})};
  ASSERT_EQ(post(kGenerate, Json::parse(R"({"contents":[{"parts":[{"text":"a"}]}],
    "tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}],
    "toolConfig":{"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["g"]}}})"))
                .status,
            200);
  ASSERT_EQ(engine.chats.at(0).tools.size(), 1U);
  EXPECT_EQ(engine.chats.at(0).tools.front().name, "g");
}

class GeminiStream : public Gemini {
 protected:
  net::Request stream() {
    net::Request r =
        request("POST", "/v1beta/models/m:streamGenerateContent", R"({"contents":[{"parts":[{"text":"a"}]}]})");
    r.query.emplace("alt", "sse");
    return r;
  }
};

TEST_F(GeminiStream, SilenceIsFilledWithBlankLinesWhichGooglesClientsSkip) {
  limits.keep_alive = std::chrono::milliseconds{1};
  Script script = says({"a"});
  script.hold_at = 1;
  engine.scripts = {script};
  FakeResponder responder;
  responder.on_write = [&](std::size_t writes) {
    if (writes == 2) engine.release();
  };
  const net::Request r = stream();
  run(r, responder);
  EXPECT_EQ(responder.pieces.at(0), "\r\n\r\n");
  EXPECT_EQ(responder.body.find("\n:"), std::string::npos) << responder.body;
  EXPECT_EQ(sse_data(responder.body).size(), 2U);
}

TEST_F(GeminiStream, AFailureIsAPieceOfItsOwnAndABareObject) {
  engine.scripts = {{.events = {prompt_done(1), text("a"), failed(ErrorCode::internal, "broke")}}};
  FakeResponder responder;
  const net::Request r = stream();
  run(r, responder);
  ASSERT_EQ(responder.pieces.size(), 2U);
  EXPECT_TRUE(responder.pieces.front().starts_with("data: "));
  EXPECT_EQ(Json::parse(responder.pieces.back())["error"]["code"], 500);
}

TEST_F(Gemini, PassesOnWhatOnlyGeminiSaysAndTheSignaturesOfCalls) {
  const auto opaque = [](inference::Wire wire, std::string json) {
    return inference::Event{0, inference::Opaque{wire, std::move(json)}};
  };
  inference::ToolCallDelta call{0, "c", "f", "{}"};
  call.signature = "c2ln";
  const Script script{
      .events = {prompt_done(3), text("a"), opaque(inference::Wire::anthropic, R"({"type":"redacted_thinking"})"),
                 opaque(inference::Wire::gemini, R"({"content":{"parts":[{"executableCode":{"code":"1"}}]}})"),
                 inference::Event{0, call},
                 opaque(inference::Wire::gemini, R"({"groundingMetadata":{"webSearchQueries":["q"]}})"),
                 finished(inference::FinishReason::content_filter, {})}};
  engine.scripts = {script, script};
  const Json ask{{"contents", {{{"parts", {{{"text", "hi"}}}}}}}};
  const Json candidate = Json::parse(post(kGenerate, ask).body)["candidates"][0];
  const Json parts = Json::parse(R"([{"text":"a"},{"executableCode":{"code":"1"}},
      {"functionCall":{"id":"c","name":"f","args":{}},"thoughtSignature":"c2ln"}])");
  EXPECT_EQ(candidate["content"]["parts"], parts);
  EXPECT_EQ(candidate["groundingMetadata"]["webSearchQueries"][0], "q");
  EXPECT_EQ(candidate["finishReason"], "SAFETY");
  Json streamed = Json::array();
  for (const Json& response : Json::parse(post("/v1beta/models/m:streamGenerateContent", ask).body)) {
    for (const Json& part : response["candidates"][0]["content"]["parts"]) streamed.push_back(part);
  }
  streamed.erase(streamed.size() - 1);  // the last has the reason and no words
  EXPECT_EQ(streamed, parts);
}

TEST_F(Gemini, SignaturesOfCallsComeBack) {
  engine.scripts = {says({"a"})};
  post(kGenerate, Json::parse(R"({"contents":[{"role":"model","parts":[
      {"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"g","args":{}}}]}]})"));
  ASSERT_EQ(engine.chats.size(), 1U);
  EXPECT_EQ(engine.chats[0].messages[0].tool_calls[0].signature, "c2ln");
  EXPECT_EQ(engine.chats[0].messages[0].tool_calls[1].signature, "");
}

TEST(GeminiSchema, BecomesJsonSchema) {
  EXPECT_EQ(
      gemini::to_json_schema(
          R"({"type":"OBJECT","nullable":true,"propertyOrdering":["a"],"properties":{"a":{"type":"ARRAY",
      "items":{"type":"STRING","format":"enum","enum":["X"]},"maxItems":"3"},"type":{"anyOf":[{"type":"INTEGER"}]}}})"),
      R"({"type":["object","null"],"properties":{"a":{"type":"array","items":{"type":"string","enum":["X"]},"maxItems":3},)"
      R"("type":{"anyOf":[{"type":"integer"}]}}})");
  EXPECT_EQ(gemini::to_json_schema(R"({"type":"object"})"), R"({"type":"object"})");
}

}  // namespace
}  // namespace hearth::api::test
