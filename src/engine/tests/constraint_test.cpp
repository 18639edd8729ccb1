// SPDX-License-Identifier: Apache-2.0
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "constraint_acceptor.hpp"
#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"
#include "regex_grammar.hpp"

namespace hearth::engine {
namespace {

using Kind = inference::Constraint::Kind;

void expect_regex(const std::string& regex, std::initializer_list<const char*> yes,
                  std::initializer_list<const char*> no) {
  const auto gbnf = to_gbnf({.kind = Kind::regex, .text = regex, .choices = {}});
  ASSERT_TRUE(gbnf) << regex << ": " << gbnf.error().message;
  GrammarAcceptor acceptor{*gbnf};
  ASSERT_TRUE(acceptor.valid()) << *gbnf;
  for (const char* text : yes) EXPECT_TRUE(acceptor.accepts(text)) << regex << " should accept " << text;
  for (const char* text : no) EXPECT_FALSE(acceptor.accepts(text)) << regex << " should refuse " << text;
}

void expect_regex_refused(const std::string& regex, ErrorCode code, const char* named) {
  const auto gbnf = to_gbnf({.kind = Kind::regex, .text = regex, .choices = {}});
  ASSERT_FALSE(gbnf) << regex.substr(0, 100);
  EXPECT_EQ(gbnf.error().code, code) << gbnf.error().message;
  EXPECT_NE(gbnf.error().message.find(named), std::string::npos) << gbnf.error().message;
}

std::string apart(int characters) {
  std::string out;
  for (int i = 0; i < characters; ++i) out += to_utf8(static_cast<char32_t>(0x4E00 + 2 * i % 0x5000));
  return out;
}

TEST(RegexConstraint, BoundsWhatLargeClassesMultiplyOutTo) {
  expect_regex("[" + apart(2'000) + "]{1,3}", {"一", "一丂"}, {"", "丁"});
  expect_regex_refused("[" + apart(5'000) + "]{2000}", ErrorCode::unsupported, "character ranges");
}

TEST(GbnfConstraint, TakesALargeClass) {
  const auto gbnf = to_gbnf({.kind = Kind::gbnf, .text = "root ::= [" + apart(100'000) + "]", .choices = {}});
  EXPECT_TRUE(gbnf) << gbnf.error().message;
}

TEST(CharSet, IsTheSameInWhateverOrderItIsMade) {
  CharSet one;
  for (const CodeRange r : {CodeRange{5, 6}, {1, 2}, {9, 9}, {3, 3}, {7, 8}, {20, 30}, {0, 25}}) one.add(r.lo, r.hi);
  EXPECT_EQ(one.ranges(), (std::vector<CodeRange>{{0, 30}}));
  EXPECT_EQ(CharSet::of({{9, 9}, {1, 3}, {4, 4}, {2, 2}}).ranges(), (std::vector<CodeRange>{{1, 4}, {9, 9}}));
  const CharSet some{{1, 4}, {9, 12}};
  EXPECT_EQ(some.intersect({{0, 1}, {3, 10}, {12, 20}}).ranges(),
            (std::vector<CodeRange>{{1, 1}, {3, 4}, {9, 10}, {12, 12}}));
  EXPECT_TRUE(some.contains_all(9, 12));
  EXPECT_FALSE(some.contains_all(4, 9));
  EXPECT_FALSE(some.contains(5));
}

TEST(RegexConstraint, MatchesTheWholeOutput) {
  expect_regex("ab?c", {"ac", "abc"}, {"", "abbc", "xac", "acx"});
  expect_regex("^(yes|no)$", {"yes", "no"}, {"yesno", "y"});
  expect_regex("[a-c\\d_-]{2,3}", {"a1", "b_-"}, {"a", "d1", "a1b2"});
  expect_regex("[^a]\\s\\S.", {"é x😀"}, {"a xy", "bxxx"});
  expect_regex("(?:a|b)*?c+", {"c", "abac", "acc"}, {"", "ab"});
  expect_regex("\\u00e9\\x41\\.\\{", {"éA.{"}, {"éAx{"});
  expect_regex("a{,2}", {"a{,2}"}, {"aa"});
}

TEST(RegexConstraint, RefusesByNameWhatNoAutomatonCanDo) {
  expect_regex_refused("a(?=b)", ErrorCode::unsupported, "lookahead");
  expect_regex_refused("(?<!a)b", ErrorCode::unsupported, "lookbehind");
  expect_regex_refused("(a)\\1", ErrorCode::unsupported, "backreference");
  expect_regex_refused("\\bword", ErrorCode::unsupported, "\\b");
  expect_regex_refused("\\p{L}+", ErrorCode::unsupported, "\\p");
  expect_regex_refused("(?i)a", ErrorCode::unsupported, "inline flag");
  expect_regex_refused("a++", ErrorCode::unsupported, "possessive");
}

TEST(RegexConstraint, ReportsSyntaxErrorsAndImpossibleExpressions) {
  expect_regex_refused("(a", ErrorCode::invalid_request, "never closed");
  expect_regex_refused("a)", ErrorCode::invalid_request, "unmatched");
  expect_regex_refused("*a", ErrorCode::invalid_request, "nothing before");
  expect_regex_refused("[b-a]", ErrorCode::invalid_request, "backwards");
  expect_regex_refused("a{3,2}", ErrorCode::invalid_request, "above its maximum");
  expect_regex_refused("a^b", ErrorCode::invalid_request, "no finite output");
}

TEST(RegexConstraint, KeepsItsBounds) {
  expect_regex_refused(std::string(kMaxRegexBytes + 1, 'a'), ErrorCode::payload_too_large, "16384");
  expect_regex_refused("a{1,2001}", ErrorCode::unsupported, "2000");
  expect_regex_refused("((a{100}){100}){100}", ErrorCode::unsupported, "20000");
  expect_regex_refused("(a|b)*a(a|b){14}", ErrorCode::unsupported, "6000");
  expect_regex_refused(std::string(kMaxRegexDepth + 1, '(') + "a" + std::string(kMaxRegexDepth + 1, ')'),
                       ErrorCode::unsupported, "nested groups");
}

TEST(ChoiceConstraint, AllowsExactlyTheChoices) {
  const auto gbnf = to_gbnf({.kind = Kind::choice, .text = {}, .choices = {"yes", "yes, \"but\"", "né\n"}});
  ASSERT_TRUE(gbnf);
  GrammarAcceptor acceptor{*gbnf};
  for (const char* text : {"yes", "yes, \"but\"", "né\n"}) EXPECT_TRUE(acceptor.accepts(text)) << text;
  for (const char* text : {"", "ye", "yes,", "no"}) EXPECT_FALSE(acceptor.accepts(text)) << text;
}

TEST(ChoiceConstraint, RefusesListsThatAreEmptyTooLongOrNotText) {
  const auto code = [](std::vector<std::string> choices) {
    return to_gbnf({.kind = Kind::choice, .text = {}, .choices = std::move(choices)}).error().code;
  };
  EXPECT_EQ(code({}), ErrorCode::invalid_request);
  EXPECT_EQ(code({""}), ErrorCode::invalid_request);
  EXPECT_EQ(code({"\xff"}), ErrorCode::invalid_request);
  EXPECT_EQ(code(std::vector<std::string>(kMaxChoices + 1, "a")), ErrorCode::payload_too_large);
}

TEST(GbnfConstraint, PassesThroughOnlyWhatIsSound) {
  const std::string text = "root ::= \"a\" | [0-9]+";
  const auto same = to_gbnf({.kind = Kind::gbnf, .text = text, .choices = {}});
  ASSERT_TRUE(same);
  EXPECT_EQ(*same, text);
  EXPECT_EQ(to_gbnf({.kind = Kind::gbnf, .text = "root ::= x", .choices = {}}).error().code,
            ErrorCode::invalid_request);
}

TEST(JsonObjectConstraint, AllowsObjectsOnly) {
  const auto gbnf = to_gbnf({.kind = Kind::json_object, .text = {}, .choices = {}});
  ASSERT_TRUE(gbnf);
  GrammarAcceptor acceptor{*gbnf};
  EXPECT_TRUE(acceptor.accepts(R"({"a": [1, {"b": null}]})"));
  EXPECT_FALSE(acceptor.accepts("[]"));
}

}  // namespace
}  // namespace hearth::engine
