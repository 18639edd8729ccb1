// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "loopback.hpp"

// Each bound of Limits is hit once, with a small value. No test sleeps: it waits for what the server does.
namespace hearth::net::test {
namespace {

struct Case {
  Limits limits = patient_limits();
  std::optional<LoopbackServer> server;
  std::optional<RawClient> client;

  void begin(Handler handler = echo) {
    server.emplace(std::move(handler), limits);
    client.emplace(server->port());
  }
  void expect_refused(std::string_view status) {
    const std::string answer = client->read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string{status})) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(client->closed());
  }
};

TEST(Limits, AHeadThatComesTooSlowlyIsA408) {
  Case c;
  c.limits.head_timeout = 100ms;
  c.begin();

  c.client->send("GET / HTTP/1.1\r\nHost: x\r\n");

  c.expect_refused("408");
}

TEST(Limits, AConnectionThatSendsNothingIsClosedAfterTheHeadTimeout) {
  Case c;
  c.limits.head_timeout = 100ms;
  c.begin();

  EXPECT_EQ(c.client->read_all(), "");
  EXPECT_TRUE(c.client->closed());
}

TEST(Limits, AnIdleConnectionIsClosedAfterTheIdleTimeout) {
  Case c;
  c.limits.idle_timeout = 100ms;
  c.begin();

  c.client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  c.client->read_answer();

  EXPECT_EQ(c.client->read_all(), "");
  EXPECT_TRUE(c.client->closed());
}

TEST(Limits, ABodyWithoutProgressIsA408) {
  Case c;
  c.limits.body_timeout = 100ms;
  c.begin();

  c.client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");

  c.expect_refused("408");
}

TEST(Limits, AHeadThatIsTooLargeIsA431) {
  for (const std::string_view end : {"", "\r\n\r\n"}) {
    Case c;
    c.limits.max_head_bytes = 300;
    c.begin();

    c.client->send("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(300, 'a') + std::string{end});

    c.expect_refused("431");
  }
}

TEST(Limits, AHeadOfExactlyTheLimitIsAccepted) {
  Case c;
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\nX-Long: aaaaaaaaaaaaaaaa\r\n\r\n";
  c.limits.max_head_bytes = request.size();
  c.begin();

  c.client->send(request);

  EXPECT_TRUE(c.client->read_answer().starts_with("HTTP/1.1 200 "));
}

TEST(Limits, TooManyHeadersAreA431) {
  Case c;
  c.limits.max_header_fields = 3;
  c.begin();

  c.client->send("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n");

  c.expect_refused("431");
}

TEST(Limits, ADeclaredBodyThatIsTooLargeIsA413BeforeItIsSent) {
  Case c;
  c.limits.max_body_bytes = 4;
  c.begin();

  c.client->send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");

  c.expect_refused("413");
}

TEST(Limits, AClientThatSendsALargeBodyAnywayStillReadsThe413) {
  Case c;
  c.limits.max_body_bytes = 4;
  c.limits.linger_timeout = 10s;
  c.begin();

  c.client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" + std::string(8'000'000, 'x'));
  c.client->finish_sending();

  c.expect_refused("413");
}

TEST(Limits, AChunkedBodyThatGrowsTooLargeIsA413) {
  Case c;
  c.limits.max_body_bytes = 4;
  c.begin();

  c.client->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");

  c.expect_refused("413");
}

TEST(Limits, TheLingerAfterARefusalEnds) {
  Case c;
  c.limits.linger_timeout = 100ms;
  c.begin();

  c.client->send("bad\r\n\r\n");
  c.expect_refused("400");

  c.server->stop(10s);  // though the client keeps its side open
  EXPECT_EQ((*c.server)->connections(), 0U);
}

struct Outcome {
  std::promise<ErrorCode> failed_with;
};

Task<> write_for_ever(Outcome& outcome, Responder& responder) {
  const std::string piece(64 * 1024, 'x');
  (void)co_await responder.start(200, Headers{});
  while (true) {
    auto written = co_await responder.write(piece);
    if (written) continue;
    outcome.failed_with.set_value(written.error().code);
    co_return;
  }
}

TEST(Limits, AClientThatDoesNotReadFailsTheWriteAfterTheWriteTimeout) {
  Outcome outcome;
  Case c;
  c.limits.write_timeout = 100ms;
  c.begin([&outcome](const Request&, Responder& responder) { return write_for_ever(outcome, responder); });

  c.client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");

  auto failed = outcome.failed_with.get_future();
  ASSERT_EQ(failed.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(failed.get(), ErrorCode::deadline_exceeded);
}

TEST(Limits, OneConnectionTooManyIsA503AndTheOthersGoOn) {
  Case c;
  c.limits.max_connections = 1;
  c.begin();
  c.client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  c.client->read_answer();

  RawClient second{c.server->port()};
  const std::string answer = second.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);

  c.client->send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(c.client->read_answer().ends_with("GET /again|"));
}

}  // namespace
}  // namespace hearth::net::test
