// SPDX-License-Identifier: Apache-2.0
#include "tool_results.hpp"

#include <gtest/gtest.h>

namespace hearth::api {
namespace {

using inference::Message;

Message calls(std::vector<inference::ToolCall> all) {
  Message message{.role = "assistant"};
  message.tool_calls = std::move(all);
  return message;
}
Message result(std::string name, std::string id = {}) {
  return {.role = "tool", .tool_call_id = std::move(id), .tool_name = std::move(name)};
}
std::vector<std::string> ids_of_results(std::vector<Message> messages) {
  pair_tool_results(messages);
  std::vector<std::string> ids;
  for (const Message& message : messages) {
    if (message.role == "tool") ids.push_back(message.tool_call_id);
  }
  return ids;
}
using Ids = std::vector<std::string>;

TEST(ToolResults, AnswerTheOldestOpenCallOfTheirName) {
  EXPECT_EQ(
      ids_of_results({calls({{"a", "f", ""}, {"b", "f", ""}, {"c", "g", ""}}), result("g"), result("f"), result("f")}),
      (Ids{"c", "a", "b"}));
  EXPECT_EQ(ids_of_results({calls({{"a", "f", ""}, {"b", "f", ""}}), result("f", "a"), result("f")}), (Ids{"a", "b"}));
  EXPECT_EQ(ids_of_results({calls({{"a", "f", ""}, {"b", "g", ""}}), result(""), result("")}), (Ids{"a", "b"}));
}

TEST(ToolResults, OneMoreThanThereAreCallsAnswersTheLastOfItsName) {
  EXPECT_EQ(ids_of_results({calls({{"a", "f", ""}}), result("f"), result("f"), result("")}), (Ids{"a", "a", ""}));
}

TEST(ToolResults, OfNoKnownCallStayAsTheyAre) {
  EXPECT_EQ(ids_of_results({result("f"), result("", "x"), calls({{"a", "f", ""}}), result("g")}), (Ids{"", "x", ""}));
}

TEST(ToolResults, CallsWithoutAnIdGetOneThatNoOtherHas) {
  std::vector<Message> messages{calls({{"", "f", ""}, {"call_1", "f", ""}}),
                                result("f"),
                                result("f"),
                                calls({{"", "g", ""}}),
                                result("", "call_1"),
                                result("g")};
  pair_tool_results(messages);
  EXPECT_EQ(messages[0].tool_calls[0].id, "call_2");
  EXPECT_EQ(messages[1].tool_call_id, "call_2");
  EXPECT_EQ(messages[2].tool_call_id, "call_1");
  EXPECT_EQ(messages[3].tool_calls[0].id, "call_3");
  EXPECT_EQ(messages[4].tool_name, "f") << "and a result without a name has its call's";
  EXPECT_EQ(messages[5].tool_call_id, "call_3");
}

TEST(ToolResults, AreFoundInLinearTime) {
  std::vector<Message> messages;
  for (int i = 0; i < 100'000; ++i) messages.push_back(calls({{"", "f", ""}}));
  for (int i = 0; i < 100'000; ++i) messages.push_back(result(i % 2 == 0 ? "f" : ""));
  pair_tool_results(messages);
  EXPECT_EQ(messages.back().tool_call_id, "call_100000");
}

}  // namespace
}  // namespace hearth::api
