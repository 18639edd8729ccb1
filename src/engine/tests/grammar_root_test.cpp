// SPDX-License-Identifier: Apache-2.0
#include "grammar_root.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

TEST(GrammarRoot, RenamesRulesAndNothingInsideLiterals) {
  EXPECT_EQ(
      with_start_symbol("answer ::= [^root] \"root \\\" root\" root # root\nroot ::= sub-root | root2\n", "answer"),
      "root ::= [^root] \"root \\\" root\" root-of-constraint # root\nroot-of-constraint ::= sub-root | root2\n");
}

TEST(GrammarRoot, LeavesAGrammarThatStartsAtRoot) {
  EXPECT_EQ(with_start_symbol("root ::= \"a\"", "root"), "root ::= \"a\"");
}

}  // namespace
}  // namespace hearth::engine
