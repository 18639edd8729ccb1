// SPDX-License-Identifier: Apache-2.0
#include "json_reader.hpp"

#include <gtest/gtest.h>

#include "base64_decode.hpp"
#include "json_write.hpp"
#include "sampling_reader.hpp"
#include "text_distance.hpp"

namespace hearth::api {
namespace {

/// The first fault of reading `body` with `read`.
Error fault(std::string_view body, const JsonValue::OnObject& read) {
  auto document = JsonDocument::parse(body);
  if (!document) return document.error();
  const auto result = document->read(read);
  return result ? Error{ErrorCode::internal, "no fault", {}, {}} : result.error();
}

TEST(JsonDocument, SaysAtWhichByteTheBodyStopsBeingJson) {
  const auto message = [](std::string_view body) { return JsonDocument::parse(body).error().message; };
  EXPECT_NE(message(R"({"a":1,})").find("byte 8: while parsing object key"), std::string::npos)
      << message(R"({"a":1,})");
  EXPECT_NE(message(R"({"a":1)").find("byte 7"), std::string::npos) << message(R"({"a":1)");
  EXPECT_NE(message("{\"a\":\"\xFF\"}").find("not valid UTF-8: byte 7"), std::string::npos);
  EXPECT_EQ(message("  "), "the body is empty; send a JSON object");
  EXPECT_NE(message(R"({"a":1e999})").find("a number is too large"), std::string::npos);
  EXPECT_EQ(JsonDocument::parse(R"({"a":123456789012345678901234567890})").error().param, "a");
}

TEST(JsonDocument, NeverQuotesTheBodyInItsErrors) {
  const auto parsed = JsonDocument::parse(R"({"a": secret)");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos) << parsed.error().message;
  EXPECT_EQ(parsed.error().message.find("'s"), std::string::npos) << parsed.error().message;
}

TEST(JsonReader, AWordThatIsNotKnownIsForALenientReaderToPassOver) {
  const auto read = [](JsonReader& r) { r.one_of("effort", {"low", "high"}); };
  const auto beyond_of = [&](std::string_view body) { return JsonDocument::parse(body)->read_leniently(read); };
  const auto unknown = beyond_of(R"({"effort":"ultra"})");
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_EQ((*unknown)->code, ErrorCode::unsupported);
  EXPECT_EQ((*unknown)->message, "effort must be one of: low, high");
  EXPECT_FALSE(beyond_of(R"({"effort":7})")) << "no word at all";
  EXPECT_EQ(fault(R"({"effort":"ultra"})", read).code, ErrorCode::unsupported);
}

TEST(JsonDocument, RefusesDeepNesting) {
  std::string deep(kMaxJsonDepth + 1, '[');
  deep += std::string(kMaxJsonDepth + 1, ']');
  const auto parsed = JsonDocument::parse(deep);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("nests deeper"), std::string::npos);
  EXPECT_FALSE(JsonDocument::parse(std::string(1'000'000, '[')));
}

TEST(JsonReader, NamesTheFieldAndTheRange) {
  const auto read = [](JsonReader& r) { r.number("temperature", 0, 2); };
  EXPECT_EQ(fault(R"({"temperature":1e308})", read).message, "temperature must be a number from 0 to 2");
  EXPECT_EQ(fault(R"({"temperature":1e308})", read).param, "temperature");
  EXPECT_EQ(fault(R"({"temperature":"hot"})", read).message, "temperature must be a number, not a string");
  EXPECT_EQ(fault(R"({"temperature":null})", read).message, "no fault");
}

TEST(JsonReader, TakesWholeNumbersAsIntegersAndNothingElse) {
  const auto read = [](JsonReader& r) { r.integer("n", -5, 10); };
  EXPECT_EQ(fault(R"({"n":3.0})", read).message, "no fault");
  EXPECT_EQ(fault(R"({"n":3.5})", read).message, "n must be an integer, not a fraction");
  EXPECT_EQ(fault(R"({"n":1e300})", read).message, "n must be an integer from -5 to 10");
  EXPECT_EQ(fault(R"({"n":1000000000000000000})", read).message, "n must be an integer from -5 to 10");
  EXPECT_EQ(fault(R"({"n":18446744073709551615})", read).message, "n must be an integer from -5 to 10");
  EXPECT_EQ(fault(R"({"n":true})", read).message, "n must be an integer, not a boolean");
}

TEST(JsonReader, AnUnknownFieldIsNamedWithTheNearestKnownOne) {
  const auto read = [](JsonReader& r) {
    r.number("temperature", 0, 2);
    r.object("stream_options", [](JsonReader& o) { o.boolean("include_usage"); });
  };
  EXPECT_EQ(fault(R"({"temprature":1})", read).message, "temprature is not a known field; did you mean 'temperature'?");
  EXPECT_EQ(fault(R"({"zzzzzz":1})", read).message, "zzzzzz is not a known field");
  EXPECT_EQ(fault(R"({"stream_options":{"include_usgae":true}})", read).param, "stream_options.include_usgae");
}

TEST(JsonReader, AFieldThatAppearsTwiceIsAmbiguous) {
  const auto read = [](JsonReader& r) { r.number("temperature", 0, 2); };
  EXPECT_EQ(fault(R"({"temperature":1,"temperature":2})", read).message, "temperature appears twice");
}

TEST(JsonReader, TheFirstFaultIsKept) {
  const auto read = [](JsonReader& r) {
    r.number("a", 0, 1);
    r.number("b", 0, 1);
  };
  EXPECT_EQ(fault(R"({"b":9,"a":9,"c":9})", read).param, "a");
}

TEST(JsonReader, BoundsFieldsAndItems) {
  std::string many = "{";
  for (std::size_t i = 0; i <= kMaxObjectFields; ++i) many += "\"f" + std::to_string(i) + "\":1,";
  many.back() = '}';
  EXPECT_NE(fault(many, [](JsonReader&) {}).message.find("at most 512"), std::string::npos);
  const auto read = [](JsonReader& r) { r.strings("stop", 2); };
  EXPECT_EQ(fault(R"({"stop":["a","b","c"]})", read).message, "stop has 3 items; at most 2 are allowed");
  EXPECT_EQ(fault(R"({"stop":["a",1]})", read).param, "stop[1]");
  EXPECT_EQ(fault(R"({"stop":1})", read).message, "stop must be a string or an array of strings, not an integer");
}

TEST(JsonReader, TheBodyMustBeAnObject) {
  EXPECT_EQ(fault("[]", [](JsonReader&) {}).message, "the body must be an object, not an array");
}

TEST(JsonValue, GivesRawTextWithFieldsInTheirOrder) {
  const auto document = JsonDocument::parse(R"({ "schema" : { "z" : 1 , "a" : [ 1.5 , "\u00e9" ] } })");
  ASSERT_TRUE(document);
  std::string raw;
  ASSERT_TRUE(document->read([&](JsonReader& r) { raw = r.value("schema")->raw(); }));
  EXPECT_EQ(raw, "{\"z\":1,\"a\":[1.5,\"\u00e9\"]}");
}

TEST(SamplingReader, ReadsEveryKindOfLogitBias) {
  inference::Sampling out;
  const auto read = [&](JsonReader& r) { read_sampling(r, out); };
  EXPECT_EQ(fault(R"({"logit_bias":{"15":-100,"cat":2}})", read).message, "no fault");
  ASSERT_EQ(out.logit_bias.size(), 2U);
  EXPECT_EQ(std::get<std::int32_t>(out.logit_bias[0].token), 15);
  EXPECT_EQ(std::get<std::string>(out.logit_bias[1].token), "cat");
  out = {};
  EXPECT_EQ(fault(R"({"logit_bias":[[7,false],["dog",1.5]]})", read).message, "no fault");
  EXPECT_EQ(out.logit_bias[0].bias, -std::numeric_limits<float>::infinity());
  EXPECT_FLOAT_EQ(out.logit_bias[1].bias, 1.5F);
  EXPECT_EQ(fault(R"({"logit_bias":{"15":1e9}})", read).param, "logit_bias.15");
  EXPECT_EQ(fault(R"({"logit_bias":[[1,2,3]]})", read).param, "logit_bias[0]");
}

TEST(SamplingReader, FoldsWideSeedsAndTakesMinusOneAsRandom) {
  const auto seed_of = [](std::string_view body) {
    inference::Sampling out;
    EXPECT_EQ(fault(body, [&](JsonReader& r) { read_sampling(r, out); }).message, "no fault");
    return out.seed;
  };
  EXPECT_EQ(seed_of(R"({"seed":42})"), 42U);
  EXPECT_EQ(seed_of(R"({"seed":-1})"), std::nullopt);
  EXPECT_EQ(seed_of(R"({"seed":4294967297})"), 0U);
  EXPECT_NE(seed_of(R"({"seed":9007199254740991})"), seed_of(R"({"seed":9007199254740990})"));
}

TEST(SamplingReader, TwoConstraintsAreAContradiction) {
  inference::Constraint out;
  const auto read = [&](JsonReader& r) { read_constraint(r, out); };
  EXPECT_EQ(fault(R"({"regex":"a+","guided_choice":["a","b"]})", read).param, "guided_choice");
  out = {};
  EXPECT_EQ(fault(R"({"structured_outputs":{"choice":["a","b"]}})", read).message, "no fault");
  EXPECT_EQ(out.choices, (std::vector<std::string>{"a", "b"}));
}

TEST(Base64, DecodesBothAlphabetsAndRefusesTheRest) {
  EXPECT_EQ(base64_decode("aGVsbG8="), "hello");
  EXPECT_EQ(base64_decode("aGVsbG8"), "hello");
  EXPECT_EQ(base64_decode("-_-_"), "\xFB\xFF\xBF");
  EXPECT_EQ(base64_decode(""), "");
  for (const char* bad : {"a", "aGVsbG8==", "aG=s", "a b=", "====", "\x80\x80\x80\x80"})
    EXPECT_FALSE(base64_decode(bad)) << bad;
}

TEST(JsonWrite, EscapesWhatJsonAsksForAndRepairsUtf8) {
  std::string out;
  append_json_string(out, "a\"\\\n\x01\xC3\xA9");
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\xC3\xA9\"");
  out.clear();
  append_json_string(out, "\xFFz");
  EXPECT_EQ(out, "\"\xEF\xBF\xBDz\"");
  out.clear();
  append_json_number(out, 0.1F);
  append_json_number(out, std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "0.1null");
}

TEST(NearestWord, FindsTyposAndNothingFarAway) {
  constexpr std::array<std::string_view, 3> kWords{"max_tokens", "messages", "model"};
  EXPECT_EQ(nearest_word("max_token", kWords), "max_tokens");
  EXPECT_EQ(nearest_word("mesages", kWords), "messages");
  EXPECT_EQ(nearest_word("mdoel", kWords), "model");
  EXPECT_EQ(nearest_word("banana", kWords), std::nullopt);
}

}  // namespace
}  // namespace hearth::api
