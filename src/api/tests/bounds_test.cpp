// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"
#include "openai_completion_request.hpp"
#include "openai_messages.hpp"
#include "openai_rerank.hpp"
#include "openai_tools.hpp"
#include "responses_request.hpp"
#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

/// `count` times `item`, as a JSON array.
std::string array_of(std::size_t count, const std::string& item) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += item;
  }
  return out + "]";
}

std::string param_of(const auto& result) { return result ? "accepted" : result.error().param; }

std::string chat_with(const std::string& fields) {
  return param_of(read_chat(R"({"messages":[{"role":"user","content":"x"}],)" + fields + "}"));
}
std::string chat_of(const std::string& messages) { return param_of(read_chat(R"({"messages":)" + messages + "}")); }

std::string tool(const std::string& name) { return R"({"type":"function","function":{"name":")" + name + "\"}}"; }

TEST(Bounds, MessagesAndTheirParts) {
  const std::string message = R"({"role":"user","content":"x"})";
  EXPECT_EQ(chat_of(array_of(kMaxMessages, message)), "accepted");
  EXPECT_EQ(chat_of(array_of(kMaxMessages + 1, message)), "messages");
  const auto with_parts = [](std::size_t n) {
    return R"([{"role":"user","content":)" + array_of(n, R"({"type":"text","text":"x"})") + "}]";
  };
  EXPECT_EQ(chat_of(with_parts(kMaxParts)), "accepted");
  EXPECT_EQ(chat_of(with_parts(kMaxParts + 1)), "messages[0].content");
  const auto with_calls = [](std::size_t n) {
    return R"([{"role":"assistant","tool_calls":)" + array_of(n, R"({"id":"c","function":{"name":"f"}})") + "}]";
  };
  EXPECT_EQ(chat_of(with_calls(kMaxToolCalls)), "accepted");
  EXPECT_EQ(chat_of(with_calls(kMaxToolCalls + 1)), "messages[0].tool_calls");
}

TEST(Bounds, ToolsAndTheirNames) {
  const auto tools = [](std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += (i > 0 ? "," : "") + tool("t" + std::to_string(i));
    return "\"tools\":[" + out + "]";
  };
  EXPECT_EQ(chat_with(tools(kMaxTools)), "accepted");
  EXPECT_EQ(chat_with(tools(kMaxTools + 1)), "tools");
  EXPECT_EQ(chat_with("\"tools\":[" + tool(std::string(kMaxToolName, 'n')) + "]"), "accepted");
  EXPECT_EQ(chat_with("\"tools\":[" + tool(std::string(kMaxToolName + 1, 'n')) + "]"), "tools[0].function.name");
  EXPECT_EQ(chat_with("\"tools\":[" + tool("a") + "," + tool("a") + "]"), "tools[1].name");
}

TEST(Bounds, SamplingLists) {
  EXPECT_EQ(chat_with("\"stop\":\"" + std::string(kMaxStopBytes, 's') + "\""), "accepted");
  EXPECT_EQ(chat_with("\"stop\":\"" + std::string(kMaxStopBytes + 1, 's') + "\""), "stop");
  EXPECT_EQ(chat_with("\"logit_bias\":" + array_of(kMaxLogitBiases, "[1,1]")), "accepted");
  EXPECT_EQ(chat_with("\"logit_bias\":" + array_of(kMaxLogitBiases + 1, "[1,1]")), "logit_bias");
  EXPECT_EQ(chat_with("\"samplers\":" + array_of(kMaxSamplers, "\"top_k\"")), "accepted");
  EXPECT_EQ(chat_with("\"samplers\":" + array_of(kMaxSamplers + 1, "\"top_k\"")), "samplers");
  EXPECT_EQ(chat_with("\"samplers\":\"" + std::string(kMaxSamplers + 1, 'k') + "\""), "samplers");
  EXPECT_EQ(chat_with("\"dry_sequence_breakers\":" + array_of(kMaxSequenceBreakers, "\"x\"")), "accepted");
  EXPECT_EQ(chat_with("\"dry_sequence_breakers\":" + array_of(kMaxSequenceBreakers + 1, "\"x\"")),
            "dry_sequence_breakers");
}

TEST(Bounds, PromptsAndTokens) {
  const auto completion = [](const std::string& prompt) {
    return param_of(read_completion("{\"prompt\":" + prompt + "}"));
  };
  EXPECT_EQ(completion(array_of(kMaxPrompts, "\"x\"")), "accepted");
  EXPECT_EQ(completion(array_of(kMaxPrompts + 1, "\"x\"")), "prompt");
  EXPECT_EQ(completion(array_of(kMaxInputTokens, "1")), "accepted");
  EXPECT_EQ(completion(array_of(kMaxInputTokens + 1, "1")), "prompt");
}

TEST(Bounds, ItemsAndDocuments) {
  const auto respond = [](std::size_t n) {
    return param_of(read_responses("{\"input\":" + array_of(n, R"({"role":"user","content":"x"})") + "}"));
  };
  EXPECT_EQ(respond(kMaxItems), "accepted");
  EXPECT_EQ(respond(kMaxItems + 1), "input");
  const auto rank = [](std::size_t n) {
    return param_of(read_rerank(R"({"query":"q","documents":)" + array_of(n, "\"x\"") + "}"));
  };
  EXPECT_EQ(rank(kMaxRerankDocuments), "accepted");
  EXPECT_EQ(rank(kMaxRerankDocuments + 1), "documents");
}

}  // namespace
}  // namespace hearth::api::openai
