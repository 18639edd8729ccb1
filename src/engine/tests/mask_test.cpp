// SPDX-License-Identifier: Apache-2.0
// Masks against the plain truth: a token is allowed when its text may follow, tried one by one.
#include "mask_program.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <random>

#include "constraint_acceptor.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

inference::Constraint schema(std::string text) {
  return {.kind = inference::Constraint::Kind::json_schema, .text = std::move(text), .choices = {}};
}

std::shared_ptr<const MaskGrammar> grammar_of(const std::string& gbnf) {
  const auto parsed = parse_gbnf(gbnf);
  EXPECT_TRUE(parsed) << parsed.error().message;
  const auto grammar = MaskGrammar::of(*parsed);
  EXPECT_TRUE(grammar) << grammar.error().message;
  return std::make_shared<const MaskGrammar>(*grammar);
}

/// A vocabulary with everything that is awkward: single bytes, cut characters, long runs, quotes in the middle.
std::vector<std::string> vocabulary() {
  std::vector<std::string> out;
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  for (const char* text : {"{\"",   "\":",    "\",",      "\"}",          "\": \"", "\", \"", "true", "false",
                           "null",  " the",   "name",     "na",           "me",     "age",    "\\\"", "\\n",
                           "\\u00", "12",     "123",      "-1",           "e5",     "0.",     "].",   "]}",
                           "],[",   "}}",     "}\n",      ",\"",          "ü",      "üb",     "\xC3", "\xBC\"",
                           "日本",  "日本\"", "\xE6\x97", "\xF0\x9F\x98", "😀",     "😀\"}",  "a\"b", "abc\",\"x",
                           "",      "\x7F",   "x\x7F",    "\n",           "\n  ",   " "}) {
    out.emplace_back(text);
  }
  for (const std::size_t length : {3U, 8U, 31U, 32U, 33U, 40U}) {
    out.emplace_back(length, 'a');
    out.push_back(std::string(length, 'b') + "\"");
    out.push_back(std::string(length, ' '));
  }
  return out;
}

/// Whether libllama's grammar, fed with what was written so far and `text`, has a way to go on. It reads characters:
/// for text that ends within one, every end of that character is tried.
bool libllama_allows(GrammarAcceptor& acceptor, const std::string& text) {
  const std::size_t whole = text::complete_utf8_prefix(text);
  if (whole == text.size()) return acceptor.begins(text);
  const auto lead = static_cast<unsigned char>(text[whole]);
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Some bytes stand for all: the grammars of these tests have no finer sets.
  const std::function<bool(std::string)> ends = [&](std::string ended) {
    if (ended.size() == whole + length) return text::is_valid_utf8(ended.substr(whole)) && acceptor.begins(ended);
    return std::ranges::any_of(std::array{0x80, 0x90, 0x97, 0x98, 0x9F, 0xA0, 0xAC, 0xB0, 0xBC, 0xBF},
                               [&](int byte) { return ends(ended + static_cast<char>(byte)); });
  };
  return ends(text);
}

/// Random walks through the grammar: at each step the mask is compared with what libllama's grammar says of every
/// token.
void compare(const std::string& gbnf, unsigned seed, int steps = 60) {
  const auto texts = vocabulary();
  const auto index = std::make_shared<const TokenIndex>(texts);
  const auto grammar = grammar_of(gbnf);
  const auto program = std::make_shared<MaskProgram>(grammar, index);
  GrammarAcceptor libllama{gbnf};
  std::mt19937 random{seed};
  for (int walk = 0; walk < 6; ++walk) {
    MaskMatcher matcher{program};
    std::string written;
    for (int step = 0; step < steps; ++step) {
      std::vector<std::size_t> allowed;
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const bool may = !texts[i].empty() && matcher.allows(texts[i]);
        ASSERT_EQ(matcher.in_mask(static_cast<TokenId>(i)), may)
            << gbnf << "\ntoken " << texts[i] << " after step " << step;
        if (may) allowed.push_back(i);
        if (!texts[i].empty() && random() % 256 == 0) {
          ASSERT_EQ(libllama_allows(libllama, written + texts[i]), may)
              << gbnf << "\ntoken " << texts[i] << " after " << written;
        }
      }
      if (allowed.empty()) {
        ASSERT_TRUE(matcher.may_end()) << "nowhere to go";
        break;
      }
      const std::string& chosen = texts[allowed[random() % allowed.size()]];
      ASSERT_TRUE(matcher.accept(chosen));
      written += chosen;
    }
  }
}

TEST(Mask, IsWhatTryingEveryTokenSays) {
  for (const char* text : {
           R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name"]})",
           R"({"type":"string"})",
           R"({"type":"string","maxLength":5})",
           R"({"type":"string","minLength":3,"maxLength":40})",
           R"({"type":"string","pattern":"^[a-z]{2,9}$"})",
           R"({"type":"array","items":{"type":"array","items":{"type":"number"}}})",
           R"({"enum":["true",1,null,{"a":["x"]}]})",
           R"({"anyOf":[{"type":"string"},{"type":"object","additionalProperties":{"type":"boolean"}}]})",
           R"({"type":"string","format":"date-time"})",
           R"({})",
       }) {
    const auto gbnf = to_gbnf(schema(text));
    ASSERT_TRUE(gbnf) << text << gbnf.error().message;
    for (unsigned seed = 1; seed <= 4; ++seed) ASSERT_NO_FATAL_FAILURE(compare(*gbnf, seed)) << text;
  }
}

TEST(Mask, GrammarsOfTheCallersOwn) {
  for (const char* gbnf :
       {"root ::= \"a\" root \"b\" | \"x\"", "root ::= [^a]* \"a\"", "root ::= (\"ab\" | \"abc\")+ [0-9]?",
        "root ::= [\\x00-\\U0010FFFF]*", "root ::= \"\" | \"😀\" root", "root ::= [а-яё日-本]+ \"x\"",
        "root ::= a b\na ::= \"\" | \"x\" a\nb ::= \"\" | \"y\""}) {
    ASSERT_TRUE(check_gbnf(gbnf)) << gbnf;
    for (unsigned seed = 1; seed <= 4; ++seed) ASSERT_NO_FATAL_FAILURE(compare(gbnf, seed)) << gbnf;
  }
}

TEST(Mask, AcceptsWhatLibllamasGrammarAccepts) {
  const auto gbnf =
      to_gbnf(schema(R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}})"));
  ASSERT_TRUE(gbnf);
  GrammarAcceptor theirs{*gbnf};
  const auto program =
      std::make_shared<MaskProgram>(grammar_of(*gbnf), std::make_shared<const TokenIndex>(vocabulary()));
  for (const char* text :
       {"{}", R"({"a":[]})", R"({"a": ["x", "ü\n"]})", R"({"a":["x",]})", R"({"a":1})", R"({"b":1})", "{",
        R"({"a":["\ud800"]})", "{\"a\":[\"\xED\xA0\x80\"]}", "{\"a\":[\"\xC0\x80\"]}", R"({"a":["x"]} )"}) {
    MaskMatcher ours{program};
    EXPECT_EQ(ours.accept(text) && ours.may_end(), theirs.accepts(text)) << text;
  }
}

TEST(Mask, RangesOfPlaces) {
  for (const TokenPlace from : {0U, 1U, 63U, 64U, 65U, 130U}) {
    for (const TokenPlace to : {0U, 1U, 63U, 64U, 65U, 128U, 130U, 192U}) {
      if (to < from) continue;
      PlaceSet set{192};
      set.add(from, to);
      for (TokenPlace place = 0; place < 192; ++place) {
        ASSERT_EQ(set.contains(place), place >= from && place < to) << from << " " << to << " " << place;
      }
    }
  }
}

TEST(Mask, TheInsideOfAStringIsOneState) {
  const auto gbnf = to_gbnf(schema(R"({"type":"string"})"));
  const auto program =
      std::make_shared<MaskProgram>(grammar_of(*gbnf), std::make_shared<const TokenIndex>(vocabulary()));
  MaskMatcher matcher{program};
  ASSERT_TRUE(matcher.accept("\"abc"));
  matcher.mask();
  const std::size_t before = program->automaton()->size();
  ASSERT_TRUE(matcher.accept("the rest of it, however long it may be"));
  matcher.mask();
  EXPECT_EQ(program->automaton()->size(), before);
}

TEST(Mask, WhatMustComeIsForced) {
  const auto gbnf = to_gbnf(schema(
      R"({"type":"object","properties":{"name":{"const":"Ann"}},"required":["name"],"additionalProperties":false})"));
  const auto program =
      std::make_shared<MaskProgram>(grammar_of(*gbnf), std::make_shared<const TokenIndex>(vocabulary()));
  MaskMatcher matcher{program};
  EXPECT_EQ(matcher.forced(100), "{");
  ASSERT_TRUE(matcher.accept("{\"n"));
  EXPECT_EQ(matcher.forced(100), "ame\":");
  EXPECT_EQ(matcher.forced(2), "am");
  ASSERT_TRUE(matcher.accept("ame\":\"A"));
  EXPECT_EQ(matcher.forced(100), "nn\"");
  ASSERT_TRUE(matcher.accept("nn\"}"));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_EQ(matcher.forced(100), "");
}

TEST(Mask, AFullAutomatonBeginsAnewAndNothingIsLost) {
  // Every position of every string length is a state of its own.
  const auto gbnf = to_gbnf(schema(R"({"type":"array","items":{"type":"string","maxLength":1900},"maxItems":40})"));
  ASSERT_TRUE(gbnf) << gbnf.error().message;
  const auto program =
      std::make_shared<MaskProgram>(grammar_of(*gbnf), std::make_shared<const TokenIndex>(vocabulary()));
  const auto before = program->automaton();
  MaskMatcher waiting{program};
  ASSERT_TRUE(waiting.accept("[\"ab"));
  MaskMatcher matcher{program};
  ASSERT_TRUE(matcher.accept("["));
  const std::string item = "\"" + std::string(1900, 'x');
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(matcher.accept(item)) << i;
    EXPECT_FALSE(matcher.allows("x")) << "the 1901st character";
    ASSERT_TRUE(matcher.accept("\",")) << i;
  }
  EXPECT_NE(program->automaton(), before);
  EXPECT_TRUE(waiting.allows("c\"]"));
  EXPECT_FALSE(waiting.allows("c\"\""));
}

TEST(Mask, WhatIsForcedEndsOnWholeCharacters) {
  const auto program = std::make_shared<MaskProgram>(grammar_of("root ::= \"x\" (\"caf\u00e9\" | \"caf\u00e8\")"),
                                                     std::make_shared<const TokenIndex>(vocabulary()));
  MaskMatcher matcher{program};
  EXPECT_EQ(matcher.forced(100), "xcaf");
  ASSERT_TRUE(matcher.accept("xcaf\xC3"));
  EXPECT_EQ(matcher.forced(100), "");
}

TEST(Mask, TooManyWaysToGoOnEndInARefusalNotInAnEndlessMask) {
  // Each blank leaves two hundred repetitions behind that are all somewhere else.
  std::string gbnf = "root ::= [^ ]* (";
  for (char c = 'a'; c <= 'z'; ++c) gbnf += std::string(c == 'a' ? "" : " | ") + "[" + c + "-z] [^ ]{1900}";
  gbnf += ")";
  ASSERT_TRUE(check_gbnf(gbnf)) << check_gbnf(gbnf).error().message;
  const auto program =
      std::make_shared<MaskProgram>(grammar_of(gbnf), std::make_shared<const TokenIndex>(vocabulary()));
  MaskMatcher matcher{program};
  bool goes_on = true;
  for (int i = 0; i < 600 && goes_on; ++i) goes_on = matcher.accept("yza");
  EXPECT_TRUE(!goes_on || matcher.mask() == nullptr);
  EXPECT_TRUE(matcher.gave_up());
}

TEST(Mask, GrammarsThatNameTokensAreLeftToLibllama) {
  const auto parsed = parse_gbnf("root ::= <[5]> \"a\"");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(MaskGrammar::of(*parsed).error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace hearth::engine
