// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/answer_grammar.hpp"

#include <gtest/gtest.h>

#include "constraint_acceptor.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

TEST(AnswerGrammar, ValuesAreWholeWordsOfTheMessage) {
  const std::string grammar =
      answer_grammar("root ::= user-words \".\"", "transfer $3170 from savings, to  bob's 4:45");
  ASSERT_TRUE(check_gbnf(grammar)) << check_gbnf(grammar).error().message;
  GrammarAcceptor acceptor{grammar};
  for (const char* said : {"$3170.", "3170.", "savings.", "from savings, to bob's.", "4:45.", "transfer $3170."}) {
    EXPECT_TRUE(acceptor.accepts(said)) << said;
  }
  for (const char* said : {"$370.", "317.", "saving.", "savings to.", "bob.", ".", "to  bob's.", "from $3170."}) {
    EXPECT_EQ(acceptor.accepts(said), std::string{said} == "bob.") << said;
  }
}

TEST(AnswerGrammar, WhatWouldEndAStringIsABorder) {
  const std::string grammar = answer_grammar("root ::= user-words", "say \"hi\" to\nc:\\x and größe 日本");
  ASSERT_TRUE(check_gbnf(grammar)) << check_gbnf(grammar).error().message;
  GrammarAcceptor acceptor{grammar};
  for (const char* said : {"say", "hi", "to c:", "x and größe 日本", "größe"})
    EXPECT_TRUE(acceptor.accepts(said)) << said;
  for (const char* said : {"say hi", "hi to", "c:\\x", "c:x", "gr"}) EXPECT_FALSE(acceptor.accepts(said)) << said;
}

TEST(AnswerGrammar, AnyMessageMakesAGrammar) {
  for (const char* message : {"", " ", "\"", "\xC3\x28", "]})[({", "a\tb", "x\\\"y"}) {
    const std::string grammar = answer_grammar("root ::= \"<\" user-words \">\"", message);
    EXPECT_TRUE(check_gbnf(grammar)) << message << check_gbnf(grammar).error().message;
  }
  std::string longest;
  for (int i = 0; i < 500; ++i) longest += "word" + std::to_string(i) + " ";
  EXPECT_TRUE(check_gbnf(answer_grammar("root ::= user-words", longest)));
}

}  // namespace
}  // namespace hearth::engine
