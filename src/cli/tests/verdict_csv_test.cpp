// SPDX-License-Identifier: Apache-2.0
#include "verdict_csv.hpp"

#include <gmock/gmock.h>

namespace hearth::cli {
namespace {

using ::testing::HasSubstr;

TEST(VerdictCsv, ReadsQuotedFieldsAndIgnoresOtherColumns) {
  const auto rows = parse_verdicts(
      "subject,prompt,weak_correct,strong_correct,note\r\n"
      "maths,\"What is\n2 + 2, he said \"\"quickly\"\"?\",1,True,x\r\n"
      "law,plain,0,false,\n");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].prompt, "What is\n2 + 2, he said \"quickly\"?");
  EXPECT_EQ((*rows)[0].subject, "maths");
  EXPECT_TRUE((*rows)[0].weak_correct && (*rows)[0].strong_correct);
  EXPECT_FALSE((*rows)[1].strong_correct);
}

TEST(VerdictCsv, SaysWhichLineIsWrong) {
  const std::string head = "prompt,weak_correct,strong_correct\n";
  for (const auto& [text, message] :
       std::vector<std::pair<std::string, std::string>>{{"", "line 1"},
                                                        {"prompt,weak_correct\n", "line 1: the columns"},
                                                        {head, "no rows"},
                                                        {head + "a,1,1\nb,1\n", "line 3: 2 fields, the head has 3"},
                                                        {head + "a,yes,1\n", "line 2: weak_correct"},
                                                        {head + "\"a\nb\",1,1\nc,2,0\n", "line 4"},
                                                        {head + "\"never closed,1,1\n", "line 2: a quote"}}) {
    const auto rows = parse_verdicts(text);
    ASSERT_FALSE(rows) << text;
    EXPECT_THAT(rows.error().message, HasSubstr(message));
  }
}

TEST(VerdictCsv, OneSubjectCannotBeHeldOut) {
  const std::string head = "prompt,weak_correct,strong_correct";
  EXPECT_THAT(check_subjects(*parse_verdicts(head + "\na,1,1\nb,0,1\n")).error().message,
              HasSubstr("needs a column \"subject\""));
  EXPECT_FALSE(check_subjects(*parse_verdicts(head + ",subject\na,1,1,law\nb,0,1,law\n")));
  EXPECT_TRUE(check_subjects(*parse_verdicts(head + ",subject\na,1,1,law\nb,0,1,maths\n")));
}

}  // namespace
}  // namespace hearth::cli
