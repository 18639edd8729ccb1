// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "constraint_acceptor.hpp"
#include "constraint_gbnf.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

void expect_refused(const std::string& gbnf, const char* named) {
  const auto result = check_gbnf(gbnf);
  ASSERT_FALSE(result) << gbnf.substr(0, 200);
  EXPECT_NE(result.error().message.find(named), std::string::npos) << result.error().message;
}

TEST(CheckGbnf, AcceptsTheGrammarsThatLlamaCppShips) {
  for (const char* name : {"arithmetic", "c", "chess", "english", "json", "json_arr", "list"}) {
    std::ifstream file{std::string{HEARTH_LLAMA_SOURCE_DIR} + "/grammars/" + name + ".gbnf"};
    ASSERT_TRUE(file) << name;
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto result = check_gbnf(text);
    EXPECT_TRUE(result) << name << ": " << result.error().message;
    EXPECT_TRUE(GrammarAcceptor{text}.valid()) << name;
  }
}

TEST(CheckGbnf, NamesSyntaxErrorsWithTheirLine) {
  expect_refused("root ::= \"a\"\nx = \"b\"", "line 2");
  expect_refused("root ::= \"a", "ends inside");
  expect_refused("root ::= [a", "ends inside");
  expect_refused("root ::= (\"a\"", "never closed");
  expect_refused("root ::= *", "nothing before");
  expect_refused("root ::= \"\\q\"", "unknown escape");
  expect_refused("root ::= \"\\u12\"", "hexadecimal");
  expect_refused("root ::= [z-a]", "backwards");
  expect_refused("root ::= <think>", "<[123]>");
  expect_refused("root ::= \"a\" )", "unexpected");
}

TEST(CheckGbnf, NamesRulesThatAreMissingTwiceDefinedOrEndless) {
  expect_refused("root ::= other", "'other'");
  expect_refused("start ::= \"a\"", "'root'");
  expect_refused("root ::= \"a\"\nroot ::= \"b\"", "twice");
  expect_refused("root ::= \"a\" root", "no finite text");
}

TEST(CheckGbnf, SeesLeftRecursionThroughRulesThatAreEmptyOnlyIndirectly) {
  expect_refused("root ::= root \"a\" | \"b\"", "left-recursive");
  expect_refused("root ::= e root \"a\" | \"b\"\ne ::= f\nf ::= \"x\" | ", "left-recursive");
  expect_refused("root ::= (\"x\"?)+", "left-recursive");
}

TEST(CheckGbnf, BoundsRepetitionSizeDepthAndAmbiguity) {
  EXPECT_TRUE(check_gbnf("root ::= \"a\"{0,2000}"));
  expect_refused("root ::= \"a\"{1,1000000}", "2000");
  expect_refused("root ::= \"a\"{99999999999999999999}", "2000");
  expect_refused("root ::= (\"a\"{0,100}){100}", "too often");
  std::string wide = "root ::=";
  for (int i = 0; i < 600; ++i) wide += " \"a\"{2000}";
  expect_refused(wide, "1000000");
  expect_refused(
      "root ::= " + std::string(kMaxGrammarDepth + 1, '(') + "\"a\"" + std::string(kMaxGrammarDepth + 1, ')'),
      "deeper");
  std::string doubling = "root ::= r0 \"x\" | r0 \"y\"\n";
  for (int i = 0; i < 30; ++i) {
    const std::string next = "r" + std::to_string(i + 1);
    doubling += "r" + std::to_string(i) + " ::= " + next + " \"x\" | " + next + " \"y\"\n";
  }
  expect_refused(doubling + "r30 ::= \"z\"", "ambiguous");
  std::string chain = "root ::= r0\n";
  for (std::size_t i = 0; i < kMaxLeftmostDepth + 2; ++i) {
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " \"x\"\n";
  }
  expect_refused(chain + "r" + std::to_string(kMaxLeftmostDepth + 2) + " ::= \"y\"", "deeply");
  const auto large = check_gbnf(std::string(kMaxGrammarBytes + 1, ' '));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::payload_too_large);
  expect_refused(std::string{"root ::= \"a\0\"", 13}, "NUL");
  expect_refused("root ::= \"\xff\"", "UTF-8");
}

TEST(CheckVocabulary, NamesTheCharactersThatEveryOutputNeeds) {
  const auto only_letters = [](std::string_view c) { return c.size() == 1 && c[0] >= 'a' && c[0] <= 'z'; };
  const auto object = to_gbnf({.kind = inference::Constraint::Kind::json_object, .text = {}, .choices = {}});
  ASSERT_TRUE(object);

  const auto result = check_vocabulary(*object, only_letters);

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unsupported);
  EXPECT_NE(result.error().message.find("'{'"), std::string::npos) << result.error().message;
  EXPECT_NE(result.error().message.find("'}'"), std::string::npos) << result.error().message;
  EXPECT_EQ(result.error().message.find("'\"'"), std::string::npos) << "{} needs no quote";
}

TEST(CheckVocabulary, ReportsNothingWhileOneDerivationCanBeSpelt) {
  const auto only_a = [](std::string_view c) { return c == "a"; };
  EXPECT_TRUE(check_vocabulary("root ::= \"a\" | \"{\"", only_a));
  EXPECT_TRUE(check_vocabulary("root ::= \"a\" \"{\"?", only_a));
  EXPECT_TRUE(check_vocabulary("root ::= \"{\" root | \"a\"", only_a));
  EXPECT_FALSE(check_vocabulary("root ::= x | y\nx ::= \"a\" \"{\"\ny ::= \"{\" \"a\"", only_a));
  EXPECT_FALSE(check_vocabulary("root ::= \"a\"* \"é\"+", only_a));
}

}  // namespace
}  // namespace hearth::engine
