// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "chunked_decoder.hpp"
#include "hearth/net/ndjson.hpp"
#include "hearth/net/sse.hpp"

namespace hearth::net {
namespace {

using testing::ElementsAre;

TEST(SseWriter, WritesOneDataLineForEachLine) {
  EXPECT_EQ(sse_event("{\"a\":1}"), "data: {\"a\":1}\n\n");
  EXPECT_EQ(sse_event("a\nb\r\nc\rd", "delta"), "event: delta\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(sse_event("", "ping"), "event: ping\ndata: \n\n");
}

TEST(SseWriter, DoesNotLetAnEventNameAddFields) { EXPECT_EQ(sse_event("x", "a\ndata: y"), "event: a\ndata: x\n\n"); }

TEST(SseWriter, WritesComments) { EXPECT_EQ(sse_comment("keep\nalive"), ": keep\n: alive\n\n"); }

std::vector<std::string> data_of(std::string_view stream, std::size_t piece) {
  SseParser parser;
  std::vector<std::string> out;
  for (std::size_t i = 0; i < stream.size(); i += piece) {
    auto events = parser.feed(stream.substr(i, piece));
    EXPECT_TRUE(events.has_value());
    for (const auto& event : *events) out.push_back(event.type + "|" + event.data + "|" + event.id);
  }
  return out;
}

TEST(SseParser, FollowsTheSpecificationHoweverTheStreamIsCut) {
  const std::string_view stream =
      "\xEF\xBB\xBF"
      "data: one\n\n"
      ": a comment\r\n"
      "event: add\r\ndata:two\r\ndata:  lines\r\nid: 7\r\n\r\n"
      "data\rdata\r\r"
      "event: nothing\n\n"
      "unknown: field\ndata: last\n\n"
      "data: never finished";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    ASSERT_THAT(data_of(stream, piece),
                ElementsAre("message|one|", "add|two\n lines|7", "message|\n|7", "message|last|7"))
        << "cut every " << piece << " bytes";
  }
}

TEST(SseParser, ReadsBackWhatTheWriterWrote) {
  EXPECT_THAT(data_of(sse_event("a\n\nb\n", "x") + sse_comment("c") + sse_event("d"), 3),
              ElementsAre("x|a\n\nb\n|", "message|d|"));
}

TEST(SseParser, TakesRetryWhenItIsANumber) {
  SseParser parser;
  const auto events = parser.feed("retry: 250\ndata: a\n\nretry: -1\ndata: b\n\n");

  ASSERT_TRUE(events.has_value());
  EXPECT_EQ(events->at(0).retry_ms, 250);
  EXPECT_EQ(events->at(1).retry_ms, std::nullopt);
}

TEST(SseParser, BoundsALineAndAnEvent) {
  SseParser short_lines{10, 100};
  EXPECT_TRUE(short_lines.feed("data: 1234").has_value());
  EXPECT_FALSE(short_lines.feed("5").has_value());

  SseParser small_events{10, 6};
  EXPECT_TRUE(small_events.feed("data: ab\n").has_value());
  EXPECT_FALSE(small_events.feed("data: cdef\n").has_value());
}

TEST(NdjsonSplitter, SplitsLinesHoweverTheStreamIsCut) {
  const std::string_view stream = "{\"a\":1}\n\r\n{\"b\":2}\r\n{\"c\":3}";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    NdjsonSplitter splitter;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < stream.size(); i += piece) {
      auto some = splitter.feed(stream.substr(i, piece));
      ASSERT_TRUE(some.has_value());
      for (auto& line : *some) lines.push_back(std::move(line));
    }
    ASSERT_THAT(lines, ElementsAre("{\"a\":1}", "{\"b\":2}"));
    ASSERT_EQ(splitter.finish(), "{\"c\":3}");
    ASSERT_EQ(splitter.finish(), std::nullopt);
  }
}

TEST(NdjsonSplitter, BoundsALine) {
  NdjsonSplitter splitter{4};
  EXPECT_TRUE(splitter.feed("1234\n12").has_value());
  EXPECT_FALSE(splitter.feed("345").has_value());
}

/// The decoded body, or "status message" of the fault, or "..." when more is needed.
std::string decode(std::string_view coded, std::uint64_t max_body = 1000) {
  ChunkedDecoder decoder{max_body};
  std::string body;
  while (!decoder.done()) {
    const auto step = decoder.next(coded);
    if (!step) return std::to_string(step.error().status);
    if (step->consumed == 0) return "...";
    body += step->data;
    coded.remove_prefix(step->consumed);
  }
  return coded.empty() ? body : body + " and " + std::string{coded};
}

TEST(ChunkedDecoder, DecodesCleanBodies) {
  EXPECT_EQ(decode("0\r\n\r\n"), "");
  EXPECT_EQ(decode("3\r\nabc\r\n00b;x=\"y\"\r\n0123456789a\r\n0;z\r\nA: b\r\n\r\n"), "abc0123456789a");
  EXPECT_EQ(decode("1\r\na\r\n0\r\n\r\nGET"), "a and GET");
}

TEST(ChunkedDecoder, WaitsForTheRest) {
  const std::string_view whole = "3\r\nabc\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_EQ(decode(whole.substr(0, n)), "...") << n;
}

TEST(ChunkedDecoder, RefusesWhatOtherParsersMayReadDifferently) {
  for (const std::string_view coded :
       {"3\nabc\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabcd\r\n", "0x3\r\nabc\r\n", "-1\r\n", "\r\n",
        " 3\r\nabc\r\n", "3 \r\nabc\r\n", "3 ;x\r\nabc\r\n", "3;\x01\r\nabc\r\n", "3;a\rb\r\nabc\r\n",
        "0\r\nbad trailer\r\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA: b\n\r\n", "10000000000000000\r\n", "3\r\nabcX\n"}) {
    EXPECT_EQ(decode(coded), "400") << coded;
  }
}

TEST(ChunkedDecoder, HitsItsBounds) {
  EXPECT_EQ(decode("5\r\nabcde\r\n0\r\n\r\n", 5), "abcde");
  EXPECT_EQ(decode("3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n", 5), "413");
  EXPECT_EQ(decode("3;" + std::string(ChunkedDecoder::kMaxLine, 'x')), "400");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "1;" + std::string(200, 'x') + "\r\na\r\n";
  EXPECT_EQ(decode(many + "0\r\n\r\n"), "400");
}

}  // namespace
}  // namespace hearth::net
