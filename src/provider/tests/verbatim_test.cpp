// SPDX-License-Identifier: Apache-2.0
// Chats that go to a server of the client's own protocol: every byte but the model's name.
#include "verbatim_body.hpp"

#include <gmock/gmock.h>

#include <array>

#include "json_text.hpp"

namespace hearth::provider {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}
std::string bytes_of(const HttpCall& call) {
  std::string out = call.body;
  for (const std::string_view piece : call.rest.pieces) out += piece;
  return out;
}
inference::ChatRequest request_of(inference::Wire wire, std::string body) {
  inference::ChatRequest request;
  request.model = "up-1";
  auto verbatim = std::make_shared<inference::Verbatim>();
  verbatim->wire = wire;
  verbatim->body = shared(std::move(body));
  request.verbatim = std::move(verbatim);
  return request;
}

TEST(Verbatim, EditsComeFirstAndTheRestStaysByteForByte) {
  const auto text =
      shared("{ \"a\" : [1, {\"model\":\"inner\"}] ,\n\"model\":\"x\", \"b\":\"q\\\"}, \\\\\",\"n\":-1.50e3 }");
  const std::array edits{Edit{"model", "\"y\""}, Edit{"stream", "true"}};
  const HttpCall call = edited_call("/p", text, edits);
  EXPECT_EQ(
      bytes_of(call),
      "{\"model\":\"y\",\"stream\":true,\"a\" : [1, {\"model\":\"inner\"}],\"b\":\"q\\\"}, \\\\\",\"n\":-1.50e3}");
  for (const std::string_view piece : call.rest.pieces) {
    const bool inside = piece.data() >= text->data() && piece.data() < text->data() + text->size();
    EXPECT_TRUE(inside || piece == "," || piece == "}") << "copied: " << piece;
  }
}

TEST(Verbatim, AMemberIsFoundHoweverItIsEscapedAndHoweverOftenItComes) {
  const std::array edits{Edit{"model", "\"y\""}};
  EXPECT_EQ(bytes_of(edited_call("/p", shared(R"({"mod\u0065l":"x","model":"z"})"), edits)), R"({"model":"y"})");
  EXPECT_EQ(bytes_of(edited_call("/p", shared("{}"), edits)), R"({"model":"y"})");
  EXPECT_EQ(bytes_of(edited_call("/p", shared(R"({"a":1})"), {})), R"({"a":1})");
  EXPECT_EQ(bytes_of(edited_call("/p", shared("{}"), {})), "{}");
}

TEST(Verbatim, ARawMemberIsItsValueAsWritten) {
  EXPECT_EQ(raw_member(R"({"a":"max_tokens","max_tokens":7})", "max_tokens"), "7");
  for (const std::string_view text : {R"("")", R"("\"")", R"("\\")", R"("\\\"")", R"("\\\\")", R"("a\\\\\"b\"")"}) {
    const std::string body = "{\"s\":" + std::string{text} + ",\"m\":1}";
    EXPECT_EQ(raw_member(body, "s"), text);
    EXPECT_EQ(raw_member(body, "m"), "1") << body;
  }
  EXPECT_EQ(raw_member(R"({"a":{"max_tokens":7}})", "max_tokens"), "");
  EXPECT_EQ(raw_member(R"({"m": 7 })", "m"), "7");
  EXPECT_EQ(raw_member(R"({"m":null})", "m"), "null");
}

TEST(Verbatim, WhatIsCutOffIsNeverReadBeyondItsEnd) {
  const std::string whole = R"({"a":"x\"y","b":[1,{"c":"d"}],"e":-1})";
  const std::array edits{Edit{"b", "2"}};
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const auto text = shared(whole.substr(0, n));
    const HttpCall call = edited_call("/p", text, edits);
    for (const std::string_view piece : call.rest.pieces) {
      const bool inside = piece.data() >= text->data() && piece.data() + piece.size() <= text->data() + text->size();
      EXPECT_TRUE(inside || piece == "," || piece == "}") << n << ": " << piece;
    }
    EXPECT_EQ(call.rest.pieces.back(), "}");
  }
}

TEST(Verbatim, EachProtocolForwardsItsOwnAndTranslatesTheOthers) {
  const std::string body = R"({"model":"m","stream":false,"stream_options":null,"brand_new":{"x":[1]},"max_tokens":9})";
  const auto sent = [&](const Protocol& protocol, inference::Wire wire) {
    return parse_json(bytes_of(protocol.chat(request_of(wire, body)).value()));
  };
  const auto openai = make_openai_protocol(Dialect::openai);
  const auto vllm = make_openai_protocol(Dialect::vllm);
  const auto ollama = make_ollama_protocol();
  EXPECT_EQ(sent(*openai, inference::Wire::openai),
            parse_json(R"({"model":"up-1","stream":true,"stream_options":{"include_usage":true},
                           "max_completion_tokens":9,"brand_new":{"x":[1]}})"));
  EXPECT_EQ(sent(*vllm, inference::Wire::openai)["max_tokens"], 9);
  EXPECT_EQ(sent(*ollama, inference::Wire::ollama)["brand_new"], parse_json(R"({"x":[1]})"));
  EXPECT_FALSE(sent(*openai, inference::Wire::ollama).contains("brand_new"));
  const auto gemini = make_gemini_protocol();
  EXPECT_EQ(bytes_of(gemini->chat(request_of(inference::Wire::gemini, body)).value()), body);
}

TEST(Verbatim, OllamaIsToldToDropNothingUnlessTheClientSaysSo) {
  const auto ollama = make_ollama_protocol({.contexts = {{"up-1", 8192}}, .may_relay = false});
  const auto sent = [&](std::string body) {
    return bytes_of(ollama->chat(request_of(inference::Wire::ollama, std::move(body))).value());
  };
  const std::string begin = R"({"model":"up-1","stream":true,)";
  EXPECT_EQ(sent(R"({"model":"m"})"), begin + R"("truncate":false,"shift":false,"options":{"num_ctx":8192}})");
  EXPECT_EQ(sent(R"({"truncate":true,"shift":null,"options":{"top_k":1.50}})"),
            begin + R"("shift":false,"options":{"num_ctx":8192,"top_k":1.50},"truncate":true})");
  EXPECT_EQ(sent(R"({"truncate":true,"shift":true,"options":{"num_ctx":4}})"),
            begin + R"("options":{"num_ctx":4},"truncate":true,"shift":true})");
  EXPECT_EQ(sent(R"({"truncate":true,"shift":true,"options":{ }})"),
            begin + R"("options":{"num_ctx":8192 },"truncate":true,"shift":true})");
}

TEST(Verbatim, AnthropicGetsItsHeadersAndThoughtsGoNotToOpenAi) {
  inference::ChatRequest request = request_of(inference::Wire::anthropic, R"({"model":"m","x":1})");
  auto verbatim = *request.verbatim;
  verbatim.headers = {{"anthropic-beta", "b-1"}};
  request.verbatim = std::make_shared<const inference::Verbatim>(verbatim);
  const HttpCall call = make_anthropic_protocol()->chat(request).value();
  EXPECT_EQ(bytes_of(call), R"({"model":"up-1","stream":true,"x":1})");
  EXPECT_EQ(call.headers.get("anthropic-beta"), "b-1");
  EXPECT_EQ(call.headers.get("anthropic-version"), "2023-06-01");

  request = request_of(inference::Wire::openai, R"({"model":"m","messages":[{"reasoning_content":"hm"}]})");
  request.messages.push_back({.role = "assistant",
                              .content = {inference::TextPart{"so"}},
                              .reasoning = "hm",
                              .tool_calls = {},
                              .tool_call_id = {},
                              .tool_name = {}});
  EXPECT_THAT(bytes_of(make_openai_protocol(Dialect::openai)->chat(request).value()), Not(HasSubstr("hm")));
  EXPECT_THAT(bytes_of(make_openai_protocol(Dialect::vllm)->chat(request).value()), HasSubstr("reasoning_content"));
}

}  // namespace
}  // namespace hearth::provider
