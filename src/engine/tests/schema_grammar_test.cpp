// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <initializer_list>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "constraint_acceptor.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

Result<std::string> convert(const std::string& schema) {
  return to_gbnf({.kind = inference::Constraint::Kind::json_schema, .text = schema, .choices = {}});
}

void expect_language(const std::string& schema, std::initializer_list<const char*> yes,
                     std::initializer_list<const char*> no) {
  const auto gbnf = convert(schema);
  ASSERT_TRUE(gbnf) << schema << ": " << gbnf.error().message;
  GrammarAcceptor acceptor{*gbnf};
  ASSERT_TRUE(acceptor.valid()) << *gbnf;
  for (const char* text : yes) EXPECT_TRUE(acceptor.accepts(text)) << schema << " should accept " << text;
  for (const char* text : no) EXPECT_FALSE(acceptor.accepts(text)) << schema << " should refuse " << text;
}

void expect_refusal(const std::string& schema, ErrorCode code, std::initializer_list<const char*> named) {
  const auto gbnf = convert(schema);
  ASSERT_FALSE(gbnf) << schema << " was converted";
  EXPECT_EQ(gbnf.error().code, code) << gbnf.error().message;
  for (const char* part : named) EXPECT_NE(gbnf.error().message.find(part), std::string::npos) << gbnf.error().message;
}

TEST(SchemaGrammar, WritesEveryJsonValueForTheEmptySchema) {
  expect_language("{}",
                  {"null", "true", "-1.5e3", "\"a\\u00e9\\n\"", "[]", "[1, [2]]", "{\"a\": {}}", "{\n  \"a\": 1\n}"},
                  {"", "nul", "01", "+1", "[1,]", "{a:1}", "\"\\ud800\"", "{\"a\":  1}", "[ \n1]", "{}\n"});
}

TEST(SchemaGrammar, KeepsRequiredAndRefusesUndeclaredPropertiesWhenTold) {
  expect_language(
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],"additionalProperties":false})",
      {R"({"a":1})", R"({"a":1,"b":"x"})", R"({"b":"x","a":1})"},
      {R"({})", R"({"b":"x"})", R"({"a":1,"c":2})", R"({"a":1,"a":2})", R"({"a":"1"})", R"({"a":1.5})"});
}

TEST(SchemaGrammar, TellsUndeclaredKeysFromDeclaredOnes) {
  expect_language(R"({"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}})",
                  {R"({"ab":null})", R"({"a":1})", R"({"abc":1,"ab":null,"é":2})"},
                  {R"({"ab":1})", R"({"a":null})", R"({"\u0061b":1})", R"({"a\u0062":1})"});
}

TEST(SchemaGrammar, KeepsSchemaOrderOnceThereAreManyProperties) {
  const std::string schema =
      R"({"type":"object","properties":{"a":{},"b":{},"c":{},"d":{},"e":{}},"required":["b"],"additionalProperties":false})";
  expect_language(schema, {R"({"b":1})", R"({"a":1,"b":1,"e":1})"}, {R"({"a":1})", R"({"b":1,"a":1})", R"({})"});
}

TEST(SchemaGrammar, CountsProperties) {
  expect_language(R"({"type":"object","minProperties":1,"maxProperties":2})", {R"({"a":1})", R"({"a":1,"b":2})"},
                  {"{}", R"({"a":1,"b":2,"c":3})"});
  expect_refusal(R"({"type":"object","minProperties":3})", ErrorCode::unsupported, {"\"minProperties\"", "#"});
}

TEST(SchemaGrammar, SeparatesPatternPropertiesFromTheRest) {
  expect_language(
      R"({"type":"object","patternProperties":{"^x_":{"type":"integer"},"z$":{"minimum":5}},"additionalProperties":{"type":"string"}})",
      {R"({"x_a":1})", R"({"q":"s"})", R"({"x_z":7})", R"({"z":"any"})"},
      {R"({"x_a":"s"})", R"({"q":1})", R"({"x_z":4})"});
  expect_language(R"({"type":"object","propertyNames":{"pattern":"^[a-c]+$","maxLength":2}})", {R"({"ab":1})", "{}"},
                  {R"({"abc":1})", R"({"d":1})"});
}

TEST(SchemaGrammar, BoundsIntegersExactly) {
  expect_language(R"({"type":"integer","minimum":-5,"exclusiveMaximum":120})", {"-5", "0", "9", "99", "119"},
                  {"-6", "120", "1200", "-50", "5.0", "007"});
  expect_language(R"({"type":"integer","multipleOf":7,"minimum":1})", {"7", "70", "700021"}, {"0", "8", "-7"});
}

TEST(SchemaGrammar, BoundsNumbersExactly) {
  expect_language(R"({"type":"number","exclusiveMinimum":0.25,"maximum":10.5})",
                  {"0.26", "1", "10.5", "10.50", "0.250001"}, {"0.25", "0.2500", "0", "10.51", "11", "-1", "1e1"});
  expect_language(R"({"type":"number","maximum":-1.5})", {"-1.5", "-2", "-1.51", "-100"}, {"-1.4", "0", "1.5", "-1"});
  expect_language(R"({"type":"number","multipleOf":0.25})", {"0.25", "1.5", "3", "-0.75"}, {"0.3", "0.125"});
}

TEST(SchemaGrammar, CountsStringLengthInCodePoints) {
  expect_language(R"({"type":"string","minLength":2,"maxLength":3})",
                  {R"("é😀")", R"("\n\u00e9a")", R"("\ud83d\ude00a")"}, {R"("a")", R"("abcd")", R"("\ud83d\ude00")"});
  expect_language(R"({"type":"string","maxLength":100000})", {R"("")", R"("abc")"}, {"1"});
}

TEST(SchemaGrammar, FindsPatternsAnywhereUnlessAnchored) {
  expect_language(R"({"type":"string","pattern":"b+"})", {R"("abc")", R"("b")"}, {R"("ac")", R"("")"});
  expect_language(R"({"type":"string","pattern":"^\\d{2,3}$","minLength":3})", {R"("123")"}, {R"("12")", R"("1234")"});
  expect_language(R"({"type":"string","pattern":"^a+$","maxLength":100000})", {R"("aaa")"}, {R"("")"});
  expect_language(R"({"type":"string","pattern":"^a|b$"})", {R"("axx")", R"("xxb")"}, {R"("xax")"});
  expect_language(R"({"type":"string","pattern":"^\"\\\\$"})", {R"("\"\\")"}, {R"("x")"});
}

TEST(SchemaGrammar, EnforcesKnownFormatsAndTakesUnknownOnesAsNotes) {
  expect_language(R"({"type":"string","format":"date"})", {R"("2024-02-29")", R"("2023-12-31")"},
                  {R"("2023-02-29")", R"("2023-13-01")", R"("x")"});
  expect_language(R"({"type":"string","format":"ipv6"})", {R"("::1")", R"("1:2:3:4:5:6:7:8")", R"("fe80::1")"},
                  {R"("1:2:3:4:5:6:7:8:9")", R"(":1")", R"("1::2::3")", R"("1:2:3:4:5:6:7:8::")"});
  expect_language(R"({"type":"string","format":"shoe-size"})", {R"("44")"}, {"44"});
}

TEST(SchemaGrammar, CountsArrayElements) {
  expect_language(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
                  {"[1]", "[1, 2,3]", "[\n  1\n]"}, {"[]", "[1,2,3,4]", "[\"a\"]"});
  expect_language(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"minItems":1})",
                  {"[1]", R"([1,"a"])"}, {"[]", R"(["a"])", R"([1,"a",2])"});
  expect_language(R"({"type":"array","items":{"enum":["a","b","c","d","e"]},"uniqueItems":true})",
                  {"[]", R"(["a","c"])"}, {R"(["a","a"])"});
}

TEST(SchemaGrammar, TakesEnumAndConstLiterallyButOnlyWhereTheRestAllowsThem) {
  expect_language(R"({"type":["string","integer"],"enum":["a",1,null,{"x":[1]}],"minLength":1})", {R"("a")", "1"},
                  {"null", R"({"x":[1]})", R"("b")"});
  expect_language(R"({"const":{"x":[1,"é"]}})", {R"({"x":[1,"é"]})", R"({"x": [1, "é"]})"}, {"{}"});
}

TEST(SchemaGrammar, AllowsExactlyOneBranchOfOneOf) {
  const std::string schema =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},
          "oneOf":[{"required":["a"]},{"required":["b"]}],"additionalProperties":false})";
  expect_language(schema, {R"({"a":1})", R"({"b":1})"}, {"{}", R"({"a":1,"b":1})"});
  expect_language(R"({"oneOf":[{"type":"integer","minimum":2},{"type":"number","maximum":5}]})", {"1", "6", "1.5"},
                  {"3", "5", "5.5"});
}

TEST(SchemaGrammar, TurnsNegationsRound) {
  expect_language(R"({"not":{"type":["string","object","array"]}})", {"1", "null"}, {R"("a")", "{}", "[]"});
  expect_language(R"({"type":"string","not":{"enum":["a","ab"]}})", {R"("b")", R"("abc")", R"("")"},
                  {R"("a")", R"("ab")"});
  expect_language(R"({"type":"integer","not":{"const":5}})", {"4", "55"}, {"5"});
  expect_language(R"({"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["v"]},"type":"object",
                      "properties":{"k":{"type":"integer"},"v":{}},"additionalProperties":false})",
                  {R"({"k":1,"v":0})", R"({"k":2})", "{}"}, {R"({"k":1})"});
}

TEST(SchemaGrammar, FollowsLocalReferencesAndRecursion) {
  const std::string schema = R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object",
      "properties":{"next":{"$ref":"#/$defs/node"},"v":{"type":"integer"}},"required":["v"],"additionalProperties":false}}})";
  expect_language(schema, {R"({"v":1})", R"({"next":{"v":2},"v":1})"}, {R"({"next":{},"v":1})"});
  expect_language(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", {"null"}, {"1"});
  expect_refusal(R"({"$ref":"https://example.com/other.json"})", ErrorCode::unsupported, {"\"$ref\"", "other.json"});
  expect_refusal(R"({"$ref":"#/$defs/none"})", ErrorCode::invalid_request, {"#/$defs/none"});
}

TEST(SchemaGrammar, HandlesDependencies) {
  expect_language(
      R"({"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]},"additionalProperties":false})",
      {"{}", R"({"b":1})", R"({"a":1,"b":2})"}, {R"({"a":1})"});
}

TEST(SchemaGrammar, RefusesByNameWhatItCannotEnforce) {
  expect_refusal(R"({"properties":{"x":{"type":"array","contains":{"const":1}}}})", ErrorCode::unsupported,
                 {"\"contains\"", "#/properties/x"});
  expect_refusal(R"({"type":"array","items":{"type":"string"},"uniqueItems":true})", ErrorCode::unsupported,
                 {"\"uniqueItems\""});
  expect_refusal(R"({"type":"string","pattern":"(?=a)b"})", ErrorCode::unsupported, {"\"pattern\"", "lookahead"});
  expect_refusal(R"({"type":"string","minLenght":3})", ErrorCode::unsupported, {"\"minLenght\""});
  expect_refusal(R"({"$dynamicRef":"#x"})", ErrorCode::unsupported, {"\"$dynamicRef\""});
  expect_refusal(R"({"anyOf":[{"type":"object"}],"unevaluatedProperties":false})", ErrorCode::unsupported,
                 {"\"unevaluatedProperties\""});
  expect_refusal(R"({"type":"integer","multipleOf":12345})", ErrorCode::unsupported, {"\"multipleOf\""});
}

TEST(SchemaGrammar, RefusesMalformedSchemasWithThePlace) {
  expect_refusal("{", ErrorCode::invalid_request, {"not valid JSON"});
  expect_refusal("[]", ErrorCode::invalid_request, {"#"});
  expect_refusal(R"({"properties":{"a/b":{"type":"strin"}}})", ErrorCode::invalid_request,
                 {"\"type\"", "#/properties/a~1b"});
  expect_refusal(R"({"minLength":-1})", ErrorCode::invalid_request, {"\"minLength\""});
  expect_refusal(R"({"allOf":[{"type":"string"},{"type":"integer"}]})", ErrorCode::invalid_request,
                 {"no finite output"});
}

TEST(SchemaGrammar, RefusesAnArrayThatMustBeLongerThanItMayBe) {
  expect_refusal(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"integer"}],"items":false,"minItems":3})",
                 ErrorCode::invalid_request, {"no finite output"});
}

TEST(SchemaGrammar, EndsWhatWouldTakeHours) {
  // Two oneOf, multiplied out to a thousand shapes each, of which every pair is compared, and their patterns too.
  const auto branches = [](char letter) {
    std::string out;
    for (int i = 0; i < 30; ++i)
      out += fmt::format(R"({}{{"pattern":"{}{{{}}}x"}})", i > 0 ? "," : "", letter, 100 + i);
    return out;
  };
  const std::string any =
      fmt::format(R"({{"type":"string","allOf":[{{"anyOf":[{}]}},{{"anyOf":[{}]}}]}})", branches('a'), branches('b'));
  const auto begin = std::chrono::steady_clock::now();
  expect_refusal(fmt::format(R"({{"oneOf":[{},{}]}})", any, any), ErrorCode::unsupported, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{60});
}

TEST(SchemaGrammar, KeepsItsBounds) {
  expect_refusal(std::string(kMaxSchemaBytes + 1, ' '), ErrorCode::payload_too_large, {"524288"});
  std::string deep;
  for (std::size_t i = 0; i <= kMaxSchemaDepth; ++i) deep += R"({"not":)";
  expect_refusal(deep + "{}" + std::string(kMaxSchemaDepth + 1, '}'), ErrorCode::invalid_request, {"deeper"});
  std::string wide = R"({"allOf":[)";
  for (int i = 0; i < 12; ++i) {
    const std::string a = "a" + std::to_string(i);
    wide += (i ? "," : "") + (R"({"anyOf":[{"required":[")" + a + R"("]},{"required":[")" + a + R"(b"]}]})");
  }
  expect_refusal(wide + "]}", ErrorCode::unsupported, {"alternatives"});
  expect_refusal(R"({"type":"string","pattern":"^a+$","minLength":100000})", ErrorCode::unsupported,
                 {"\"maxLength\"", "6000"});
}

}  // namespace
}  // namespace hearth::engine
