// SPDX-License-Identifier: Apache-2.0
#include "head_check.hpp"

#include <gtest/gtest.h>

namespace hearth::net {
namespace {

using State = HeadEnd::State;

/// "ok", or the status of the fault.
std::string verdict(std::string_view head) {
  const auto checked = check_head(head, HeadLimits{});
  return checked ? "ok" : std::to_string(checked.error().status);
}

std::string with_fields(std::string_view fields, std::string_view line = "POST / HTTP/1.1") {
  return std::string{line} + "\r\nHost: x\r\n" + std::string{fields} + "\r\n";
}

TEST(HeadCheck, TakesACleanHeadApart) {
  const auto head = check_head(
      "POST /v1/a%2Fb%20c?x=1&y=%26+z&x=2 HTTP/1.1\r\nHost: localhost:4327\r\nContent-Length: 12\r\nEmpty:\r\n"
      "Expect: 100-Continue\r\n\r\n",
      HeadLimits{});

  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target.path, "/v1/a/b c");
  EXPECT_EQ(head->target.query, (std::map<std::string, std::string>{{"x", "1"}, {"y", "& z"}}));
  EXPECT_EQ(head->framing, Framing::length);
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->expect_continue);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_EQ(head->headers.get("hOST"), "localhost:4327");
  EXPECT_EQ(head->headers.get("empty"), "");
}

TEST(HeadCheck, RefusesAmbiguousFraming) {
  for (const std::string_view fields : {"Content-Length: 1\r\nContent-Length: 1\r\n",
                                        "Content-Length: 1\r\nContent-Length: 2\r\n",
                                        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                                        "Content-Length: +1\r\n",
                                        "Content-Length: -1\r\n",
                                        "Content-Length: 0x1\r\n",
                                        "Content-Length:\r\n",
                                        "Content-Length: 1, 1\r\n",
                                        "Content-Length: 1 \t 2\r\n",
                                        "Content-Length: 9223372036854775808\r\n",
                                        "Content-Length: 99999999999999999999\r\n",
                                        "Transfer-Encoding: gzip, chunked\r\n",
                                        "Transfer-Encoding: identity\r\n",
                                        "Transfer-Encoding: chunked,\r\n",
                                        "Transfer-Encoding: \"chunked\"\r\n",
                                        "Transfer-Encoding:\r\n",
                                        "Transfer-Encoding:\vchunked\r\n",
                                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                        "Transfer_Encoding: chunked\r\n",
                                        "Content--Length: 1\r\n",
                                        "Transfer-Encoding : chunked\r\n",
                                        " Transfer-Encoding: chunked\r\n",
                                        "X: 1\r\n folded\r\n",
                                        "X: 1\r\n\tfolded\r\n",
                                        "X: a\rb\r\n",
                                        "X: a\nb\r\n",
                                        "X: \x01\r\n",
                                        "X: \x7F\r\n",
                                        "NoColon\r\n",
                                        ": empty\r\n",
                                        "Host: y\r\n",
                                        "X\xC3\xA9: 1\r\n"}) {
    EXPECT_EQ(verdict(with_fields(fields)), "400") << fields;
  }
  EXPECT_EQ(verdict(with_fields(std::string_view{"X: a\0b\r\n", 8})), "400");
}

TEST(HeadCheck, AcceptsWhatIsUnusualButClear) {
  for (const std::string_view fields :
       {"Content-Length: 9223372036854775807\r\n", "Content-Length: 007\r\n", "Transfer-Encoding: \t CHUNKED \r\n",
        "X: \xC3\xA9 a\tb\r\n", "X-Content-Length: 5\r\n", "Connection: close, TE\r\n"}) {
    EXPECT_EQ(verdict(with_fields(fields)), "ok") << fields;
  }
}

TEST(HeadCheck, JudgesTheRequestLine) {
  for (const std::string_view line :
       {"GET  / HTTP/1.1",       "GET / HTTP/1.1 ",        " GET / HTTP/1.1",          "GET /",
        "GET / HTTP/1.2",        "GET / HTTP/2.0",         "GET / http/1.1",           "GET / HTTP/0.9",
        "G(T / HTTP/1.1",        "GET /a b HTTP/1.1",      "GET\t/\tHTTP/1.1",         "",
        "GET /\x01 HTTP/1.1",    "GET a HTTP/1.1",         "GET /#f HTTP/1.1",         "GET /%zz HTTP/1.1",
        "GET /%0 HTTP/1.1",      "GET /%00 HTTP/1.1",      "GET /?%00 HTTP/1.1",       "GET * HTTP/1.1",
        "CONNECT x:80 HTTP/1.1", "GET /a/../b HTTP/1.1",   "GET /a/%2e%2E/b HTTP/1.1", "GET /a%2F..%2fb HTTP/1.1",
        "GET /. HTTP/1.1",       "GET http://y/ HTTP/1.1", "GET ftp://x/ HTTP/1.1",    "GET http:///a HTTP/1.1"}) {
    EXPECT_EQ(verdict(with_fields("", line)), "400") << line;
  }
  for (const std::string_view line : {"GET /..a/b..?/../ HTTP/1.1", "OPTIONS * HTTP/1.1", "GET http://X/a HTTP/1.1",
                                      "GET http://x HTTP/1.1", "M-SEARCH // HTTP/1.1", "DELETE /%0a HTTP/1.1"}) {
    EXPECT_EQ(verdict(with_fields("", line)), "ok") << line;
  }
}

TEST(HeadCheck, RefusesABodyWhereItHasNoMeaning) {
  for (const std::string_view method : {"GET", "HEAD", "TRACE"}) {
    const std::string line = std::string{method} + " / HTTP/1.1";
    EXPECT_EQ(verdict(with_fields("Content-Length: 1\r\n", line)), "400");
    EXPECT_EQ(verdict(with_fields("Transfer-Encoding: chunked\r\n", line)), "400");
    EXPECT_EQ(verdict(with_fields("Content-Length: 0\r\n", line)), "ok");
  }
  EXPECT_EQ(verdict(with_fields("Content-Length: 1\r\n", "DELETE / HTTP/1.1")), "ok");
}

TEST(HeadCheck, WantsExactlyOneHostInHttp11) {
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n\r\n"), "400");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), "ok");
  EXPECT_EQ(verdict("GET / HTTP/1.0\r\n\r\n"), "ok");
  EXPECT_EQ(verdict("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
}

TEST(HeadCheck, SaysWhetherTheConnectionStays) {
  EXPECT_FALSE(check_head("GET / HTTP/1.0\r\n\r\n", {})->keep_alive);
  EXPECT_FALSE(check_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: a , Close\r\n\r\n", {})->keep_alive);
}

TEST(HeadCheck, HitsItsBounds) {
  EXPECT_EQ(check_head(with_fields("A: 1\r\nB: 2\r\n"), {.max_bytes = 1000, .max_fields = 2}).error().status, 431);
  EXPECT_EQ(check_head(with_fields("A: 1\r\n"), {.max_bytes = 30, .max_fields = 9}).error().status, 431);
  EXPECT_EQ(verdict(with_fields("Expect: something\r\n")), "417");
}

TEST(HeadCheck, RefusesIncompleteHeadsAndBytesBehindThem) {
  EXPECT_EQ(verdict(""), "400");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: x\r\n"), "400");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: x\r\n\r\nX"), "400");
}

TEST(HeadEnd, IsFoundHoweverTheBytesArrive) {
  const std::string_view bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\nbody";
  std::size_t looked_at = 0;
  for (std::size_t n = 0; n < bytes.size() - 4; ++n) {
    ASSERT_EQ(find_head_end(bytes.substr(0, n), looked_at).state, State::incomplete) << n;
    looked_at = n;
  }
  const HeadEnd end = find_head_end(bytes, looked_at);
  EXPECT_EQ(end.state, State::complete);
  EXPECT_EQ(end.size, bytes.size() - 4);
}

TEST(HeadEnd, ABareLineFeedIsMalformedAtOnce) {
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\n", 0).state, State::malformed);
  EXPECT_EQ(find_head_end("\r\nGET / HTTP/1.1\r\n", 0).state, State::malformed);
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\r\nA: b\n\n", 16).state, State::malformed);
}

}  // namespace
}  // namespace hearth::net
