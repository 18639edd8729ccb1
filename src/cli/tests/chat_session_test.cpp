// SPDX-License-Identifier: Apache-2.0
#include "chat_session.hpp"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

using Kind = ChatCommand::Kind;

TEST(ChatInput, TellsMessagesFromCommands) {
  EXPECT_EQ(parse_chat_input("  hello  ").kind, Kind::say);
  EXPECT_EQ(parse_chat_input("  hello  ").text, "hello");
  EXPECT_EQ(parse_chat_input("").kind, Kind::nothing);
  EXPECT_EQ(parse_chat_input("/bye").kind, Kind::bye);
  EXPECT_EQ(parse_chat_input("/etc/passwd is a file").kind, Kind::say) << "a path is no command";
  EXPECT_EQ(parse_chat_input("/nope").kind, Kind::wrong);
  EXPECT_EQ(parse_chat_input("/save").kind, Kind::wrong);
  EXPECT_EQ(parse_chat_input("/set system").kind, Kind::wrong);
}

TEST(ChatInput, FencesJoinLines) {
  EXPECT_TRUE(needs_more_lines("\"\"\"first"));
  EXPECT_FALSE(needs_more_lines("\"\"\"first\nsecond\"\"\""));
  EXPECT_EQ(parse_chat_input("\"\"\"first\nsecond\"\"\"").text, "first\nsecond");
}

TEST(ChatSession, RequestsCarryTheConversationAndTheSettings) {
  ChatSession chat{"m"};
  ASSERT_TRUE(chat.set(parse_chat_input("/set parameter temperature 0.2")));
  ASSERT_TRUE(chat.set(parse_chat_input("/set parameter stop END")));
  ASSERT_TRUE(chat.set(parse_chat_input("/set system be brief")));
  ASSERT_TRUE(chat.set(parse_chat_input("/set format json")));
  chat.begin_turn("one");
  ASSERT_TRUE(chat.read_line(R"({"message":{"content":"uno"},"done":false})"));
  ASSERT_TRUE(chat.read_line(R"({"message":{"content":"!"},"done":true})"));
  chat.end_turn();

  const auto request = nlohmann::json::parse(chat.begin_turn("two"));

  EXPECT_EQ(request["options"], nlohmann::json::parse(R"({"temperature":0.2,"stop":["END"]})"));
  EXPECT_EQ(request["format"], "json");
  EXPECT_EQ(request["messages"],
            nlohmann::json::parse(R"([{"role":"system","content":"be brief"},{"role":"user","content":"one"},
    {"role":"assistant","content":"uno!"},{"role":"user","content":"two"}])"));
}

TEST(ChatSession, AFailedTurnIsTakenBack) {
  ChatSession chat{"m"};
  chat.begin_turn("lost");
  EXPECT_FALSE(chat.read_line(R"({"error":"no such model"})"));
  chat.cancel_turn();
  EXPECT_EQ(nlohmann::json::parse(chat.begin_turn("again"))["messages"].size(), 1U);
}

TEST(ChatSession, BadSettingsSayWhy) {
  ChatSession chat{"m"};
  EXPECT_FALSE(chat.set(parse_chat_input("/set format {broken")));
  EXPECT_FALSE(chat.set(parse_chat_input("/set parameter temperature")));
}

TEST(ChatSession, SavingKeepsMessagesAndParameters) {
  ChatSession chat{"base"};
  ASSERT_TRUE(chat.set(parse_chat_input("/set parameter top_k 5")));
  chat.begin_turn("hi");
  chat.end_turn();
  const auto request = nlohmann::json::parse(chat.save_request("mine"));
  EXPECT_EQ(request["from"], "base");
  EXPECT_EQ(request["messages"].size(), 2U);
  EXPECT_EQ(request["parameters"]["top_k"], 5);
}

}  // namespace
}  // namespace hearth::cli
