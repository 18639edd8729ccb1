// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "request_head.hpp"

namespace hearth::net {
namespace {

std::string parsed(std::string_view text) {
  const auto url = Url::parse(text);
  return url ? url->origin() + " " + url->target : "bad";
}

TEST(Url, TakesAbsoluteHttpUrlsApart) {
  EXPECT_EQ(parsed("http://Example.org"), "http://example.org:80 /");
  EXPECT_EQ(parsed("HTTPS://h:8443/a/b?c=d#e"), "https://h:8443 /a/b?c=d");
  EXPECT_EQ(parsed("https://h?q"), "https://h:443 /?q");
  EXPECT_EQ(parsed("http://[::1]:80/"), "http://[::1]:80 /");
  EXPECT_EQ(Url::parse("https://h:443/x")->text(), "https://h/x");
  EXPECT_EQ(Url::parse("https://h:444/x")->text(), "https://h:444/x");
}

TEST(Url, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      "h",
                                      "//h/",
                                      "ftp://h/",
                                      "http://",
                                      "http:///a",
                                      "http://h:",
                                      "http://h:0",
                                      "http://h:65536",
                                      "http://h:8x",
                                      "http://h:-1",
                                      "http://u:p@h/",
                                      "http://h/a b",
                                      "http://h/\r\nX: y",
                                      "http://h\\/",
                                      "http://[::1/",
                                      "http://[x]/",
                                      "http://[::1]x/",
                                      "http://h h/",
                                      "http://.h/",
                                      "http://["}) {
    EXPECT_EQ(parsed(text), "bad") << text;
  }
}

TEST(RequestHead, RefusesWhatWouldSplitTheRequest) {
  ClientRequest request;
  request.url = *Url::parse("http://h:81/a");
  EXPECT_TRUE(request_head(request, 0)->starts_with("GET /a HTTP/1.1\r\nHost: h:81\r\n"));
  request.headers.add("X", "a\r\nY: b");
  EXPECT_FALSE(request_head(request, 0).has_value());
  request.headers = {};
  request.url.target = "/a\r\nX: y";
  EXPECT_FALSE(request_head(request, 0).has_value());
  request.url.target = "/";
  request.method = "GET /";
  EXPECT_FALSE(request_head(request, 0).has_value());
}

TEST(RequestHead, OwnsTheFramingFields) {
  ClientRequest request;
  request.method = "POST";
  request.url = *Url::parse("http://h/");
  request.headers.add("content-length", "9");
  request.headers.add("Transfer-Encoding", "chunked");
  const auto head = request_head(request, 3);
  EXPECT_NE(head->find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_EQ(head->find("chunked"), std::string::npos);
  EXPECT_EQ(head->find(": 9"), std::string::npos);
}

TEST(Redirect, ResolvesLocations) {
  const Url from = *Url::parse("https://h/a/b?c");
  const auto to = [&from](std::string_view location) {
    const auto url = redirect_target(from, location);
    return url ? url->text() : "bad";
  };
  EXPECT_EQ(to("http://other/x"), "http://other/x");
  EXPECT_EQ(to("//other/x"), "https://other/x");
  EXPECT_EQ(to("/x?u=http://y"), "https://h/x?u=http://y");
  EXPECT_EQ(to("x"), "https://h/a/x");
  EXPECT_EQ(to("?d"), "https://h/a/b?d");
  EXPECT_EQ(to("ftp://other/"), "bad");
}

}  // namespace
}  // namespace hearth::net
