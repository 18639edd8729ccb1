// SPDX-License-Identifier: Apache-2.0
#include "text_gate.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

TEST(TextGate, PassesPlainTextAtOnce) {
  TextGate gate{{}};
  EXPECT_EQ(gate.feed("Hello").text, "Hello");
  EXPECT_FALSE(gate.holds_text());
}

TEST(TextGate, FindsAStopStringThatSpansTokens) {
  TextGate gate{{"</s>", "User:"}};
  EXPECT_EQ(gate.feed("fine U").text, "fine ");
  EXPECT_EQ(gate.feed("se").text, "");
  const auto step = gate.feed("r: more");
  EXPECT_EQ(step.text, "");
  EXPECT_EQ(step.stop, "User:");
}

TEST(TextGate, ReleasesWhatTurnedOutNotToBeAStop) {
  TextGate gate{{"User:"}};
  EXPECT_EQ(gate.feed("Us").text, "");
  EXPECT_EQ(gate.feed("ual").text, "Usual");
}

TEST(TextGate, TheEarliestStopWins) {
  TextGate gate{{"bbb", "a"}};
  const auto step = gate.feed("xaybbb");
  EXPECT_EQ(step.text, "x");
  EXPECT_EQ(step.stop, "a");
}

TEST(TextGate, NeverCutsACharacter) {
  TextGate gate{{}};
  EXPECT_EQ(gate.feed("\xF0\x9F").text, "");
  EXPECT_EQ(gate.feed("\x98\x80").text, "\xF0\x9F\x98\x80");
  EXPECT_EQ(gate.feed("\xE2").text, "");
  EXPECT_EQ(gate.flush(), "\xEF\xBF\xBD") << "cut for good: one replacement character";
}

TEST(TextGate, FlushGivesBackAHalfMatchedStop) {
  TextGate gate{{"END."}};
  EXPECT_EQ(gate.feed("the END").text, "the ");
  EXPECT_EQ(gate.flush(), "END");
}

}  // namespace
}  // namespace hearth::engine
