// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/server.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hearth/async/blocking_pool.hpp"
#include "loopback.hpp"

namespace hearth::net::test {
namespace {

using testing::Test;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

TEST(Server, AnswersSeveralRequestsOnOneConnection) {
  LoopbackServer server{echo};
  RawClient client{server.port()};

  client.send(kGet);
  EXPECT_EQ(body_of(client.read_answer()), "GET /a|");
  client.send("POST /b%20c?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(body_of(client.read_answer()), "POST /b c|abc");
  EXPECT_EQ(server->connections(), 1U);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  LoopbackServer server{echo};
  RawClient client{server.port()};

  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz";
  client.send(all);

  for (int i = 0; i < 50; ++i) EXPECT_EQ(body_of(client.read_answer()), "POST /" + std::to_string(i) + "|z");
}

TEST(Server, DecodesAChunkedBodyCutIntoSingleBytes) {
  LoopbackServer server{echo};
  RawClient client{server.port()};

  for (const char c : std::string_view{"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"}) {
    client.send({&c, 1});
  }

  EXPECT_EQ(body_of(client.read_answer()), "POST /c|abc0123456789");
  client.send(kGet);
  EXPECT_EQ(body_of(client.read_answer()), "GET /a|");
}

TEST(Server, SaysContinueBeforeTheBodyWhenAsked) {
  LoopbackServer server{echo};
  RawClient client{server.port()};

  client.send("POST /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");

  EXPECT_EQ(body_of(client.read_answer()), "POST /c|ok");
}

TEST(Server, AnswersHeadWithTheLengthAndNoBody) {
  LoopbackServer server{echo};
  RawClient client{server.port()};

  client.send("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

  const std::string answer = client.read_all();
  EXPECT_NE(answer.find("Content-Length: 8\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

Task<> stream_three(const Request&, Responder& responder) {
  if (!co_await responder.start(200, Headers{})) co_return;
  for (const std::string_view piece : {"one", "", "two"}) {
    if (!co_await responder.write(piece)) co_return;
  }
  (void)co_await responder.finish();
}

TEST(Server, StreamsPiecesAsChunksAndKeepsTheConnection) {
  LoopbackServer server{stream_three};
  RawClient client{server.port()};

  for (int round = 0; round < 2; ++round) {
    client.send(kGet);
    EXPECT_NE(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  }
}

TEST(Server, StreamsUntilCloseForHttp10) {
  LoopbackServer server{stream_three};
  RawClient client{server.port()};

  client.send("GET / HTTP/1.0\r\n\r\n");

  const std::string answer = client.read_all();
  EXPECT_EQ(body_of(answer), "onetwo");
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
  EXPECT_TRUE(client.closed());
}

Task<> split_header(const Request&, Responder& responder) {
  Headers headers;
  headers.add("X-Model", "a\r\nX-Evil: 1");
  headers.add("Content-Length", "999");
  (void)co_await responder.send(200, std::move(headers), "x");
}

TEST(Server, DoesNotLetAHeaderValueSplitTheAnswer) {
  LoopbackServer server{split_header};
  RawClient client{server.port()};

  client.send(kGet);

  const std::string answer = client.read_answer();
  EXPECT_NE(answer.find("X-Model: a  X-Evil: 1\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("999"), std::string::npos);
}

Task<> throw_secret(const Request&, Responder&) {
  throw std::runtime_error{"secret"};
  co_return;
}

Task<> answer_nothing(const Request&, Responder&) { co_return; }

TEST(Server, AnswersFiveHundredWhenTheHandlerThrowsOrForgets) {
  for (const Handler& handler : {Handler{throw_secret}, Handler{answer_nothing}}) {
    LoopbackServer server{handler};
    RawClient client{server.port()};

    client.send(kGet);
    const std::string answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
    EXPECT_EQ(answer.find("secret"), std::string::npos);
  }
}

Task<> throw_in_the_middle(const Request&, Responder& responder) {
  (void)co_await responder.start(200, Headers{});
  (void)co_await responder.write("half");
  throw std::runtime_error{"late"};
}

TEST(Server, CutsTheStreamWithoutAnEndWhenTheHandlerFailsInTheMiddle) {
  LoopbackServer server{throw_in_the_middle};
  RawClient client{server.port()};

  client.send(kGet);

  EXPECT_EQ(body_of(client.read_all()), "4\r\nhalf\r\n");
  EXPECT_TRUE(client.closed());
}

/// Handlers that wait for ever and tell when they run and when they are gone.
struct Waiting {
  std::promise<void> running;
  std::promise<void> released;
};

struct Released {
  Waiting& waiting;
  ~Released() { waiting.released.set_value(); }
};

Task<> wait_for_ever(Waiting& waiting) {
  const Released released{waiting};
  asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  waiting.running.set_value();
  co_await never.async_wait(asio::use_awaitable);
}

class ClientGone : public Test {
 protected:
  Waiting waiting;
  LoopbackServer server{[this](const Request&, Responder&) { return wait_for_ever(waiting); }};
  RawClient client{server.port()};

  void SetUp() override {
    client.send(kGet);
    ASSERT_EQ(waiting.running.get_future().wait_for(kPatience), std::future_status::ready);
  }
  void expect_released() { EXPECT_EQ(waiting.released.get_future().wait_for(kPatience), std::future_status::ready); }
};

TEST_F(ClientGone, CancelsTheHandlerOnClose) {
  client.close();
  expect_released();
}

TEST_F(ClientGone, CancelsTheHandlerOnReset) {
  client.reset();
  expect_released();
}

TEST_F(ClientGone, CountsAHalfClosedConnectionAsGone) {
  client.finish_sending();
  expect_released();
  EXPECT_THAT(client.read_all(), ::testing::HasSubstr("HTTP/1.1 400"));  // it can still read
  EXPECT_TRUE(client.closed());
}

TEST_F(ClientGone, IsSeenBehindPipelinedBytes) {
  client.send(kGet);
  client.send(kGet);
  client.close();
  expect_released();
}

TEST_F(ClientGone, ResetIsSeenWhenThePipelineIsFull) {
  client.send(std::string(40 * 1024, 'x'));
  client.reset();
  expect_released();
}

/// A handler that waits for go() at its first call, then echoes.
struct Gate {
  std::promise<void> running;
  std::promise<void> opened;
  async::BlockingPool pool{1};
  int calls = 0;
};

Task<> pass_gate_then_echo(Gate& gate, const Request& request, Responder& responder) {
  if (request.path != "/idle" && ++gate.calls == 1) {
    gate.running.set_value();
    auto wait = [&gate] { gate.opened.get_future().wait(); };
    co_await gate.pool.async_run(std::move(wait));
  }
  co_await echo(request, responder);
}

Handler behind(Gate& gate) {
  return
      [&gate](const Request& request, Responder& responder) { return pass_gate_then_echo(gate, request, responder); };
}

TEST(Server, KeepsPipelinedBytesThatArriveWhileAHandlerRuns) {
  Gate gate;
  LoopbackServer server{behind(gate)};
  RawClient client{server.port()};

  client.send(kGet);
  gate.running.get_future().wait();
  client.send("POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
  gate.opened.set_value();
  client.send("dy");

  EXPECT_EQ(body_of(client.read_answer()), "GET /a|");
  EXPECT_EQ(body_of(client.read_answer()), "POST /later|body");
}

TEST(Server, AFullPipelineDoesNotDisturbTheRunningHandler) {
  Gate gate;
  Limits limits = patient_limits();
  limits.max_head_bytes = 200;
  LoopbackServer server{behind(gate), limits};
  RawClient client{server.port()};
  client.send(kGet);
  gate.running.get_future().wait();

  for (int i = 0; i < 100; ++i) client.send(kGet);
  RawClient other{server.port()};  // two more round trips on the same thread: the bytes above have been seen
  RawClient another{server.port()};
  for (RawClient* bystander : {&other, &another}) {
    bystander->send("GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
    bystander->read_answer();
  }
  gate.opened.set_value();

  for (int i = 0; i < 101; ++i) ASSERT_EQ(body_of(client.read_answer()), "GET /a|") << i;
}

BodyPlanner spool_to(std::string path, std::uint64_t max_bytes) {
  return [path = std::move(path), max_bytes](const Request& head) -> Result<BodyPlan> {
    if (head.path == "/forbidden") return fail(ErrorCode::forbidden, "no uploads");
    return BodyPlan{max_bytes, path};
  };
}

class Spool : public Test {
 protected:
  std::filesystem::path path =
      std::filesystem::path{testing::TempDir()} / ("hearth_net_spool_" + std::to_string(::getpid()));
  void TearDown() override { std::filesystem::remove(path); }
};

TEST_F(Spool, WritesALargeBodyToTheFile) {
  LoopbackServer server{echo, patient_limits(), spool_to(path, 8'000'000)};
  RawClient client{server.port()};
  std::string body;
  for (int i = 0; i < 3'000'000; ++i) body.push_back(static_cast<char>(i * 7 % 251));

  client.send("PUT /blob HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
  client.send(body);

  EXPECT_EQ(body_of(client.read_answer()), "PUT /blob|");
  std::ifstream file{path, std::ios::binary};
  const std::string stored{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_TRUE(stored == body);
}

TEST_F(Spool, RemovesTheFileWhenTheClientGoesAway) {
  LoopbackServer server{echo, patient_limits(), spool_to(path, 8'000'000)};
  RawClient client{server.port()};
  client.send("PUT /blob HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + std::string(2'500'000, 'x'));
  client.finish_sending();

  EXPECT_EQ(client.read_all(), "");
  server.stop(5s);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Spool, ThePlannersRefusalIsTheAnswer) {
  LoopbackServer server{echo, patient_limits(), spool_to(path, 8'000'000)};
  RawClient client{server.port()};

  client.send("PUT /forbidden HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");

  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 403 "));
}

TEST_F(Spool, ADiskErrorIsAFiveHundred) {
  LoopbackServer server{echo, patient_limits(), spool_to("/nonexistent/folder/file", 8'000'000)};
  RawClient client{server.port()};

  client.send("PUT /blob HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");

  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 500 "));
}

TEST(ServerStop, ClosesIdleConnectionsAtOnce) {
  LoopbackServer server{echo};
  RawClient used{server.port()};
  RawClient fresh{server.port()};
  used.send(kGet);
  used.read_answer();

  auto stopped = server.async_stop(60s);

  EXPECT_EQ(used.read_all(), "");
  EXPECT_TRUE(used.closed());
  used.close();
  fresh.read_all();
  EXPECT_TRUE(fresh.closed());
  fresh.close();
  EXPECT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(server->connections(), 0U);
}

TEST(ServerStop, LetsARunningHandlerFinishAndClosesAfterIt) {
  Gate gate;
  LoopbackServer server{behind(gate)};
  RawClient idle{server.port()};
  idle.send("GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.read_answer();
  RawClient client{server.port()};
  client.send(kGet);
  gate.running.get_future().wait();

  auto stopped = server.async_stop(60s);
  idle.read_all();  // closed: the server is stopping by now
  gate.opened.set_value();

  const std::string answer = client.read_all();
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(body_of(answer), "GET /a|");
  client.close();
  idle.close();
  EXPECT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
}

TEST(ServerStop, CancelsHandlersAfterTheGrace) {
  Waiting waiting;
  LoopbackServer server{[&waiting](const Request&, Responder&) { return wait_for_ever(waiting); }};
  RawClient client{server.port()};
  client.send(kGet);
  waiting.running.get_future().wait();

  auto stopped = server.async_stop(50ms);

  EXPECT_EQ(waiting.released.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(client.read_all(), "");
}

TEST(ServerCreate, SaysWhichAddressIsTaken) {
  LoopbackServer server{echo};
  ServerOptions options;
  options.port = server.port();

  const auto second = Server::create(server.io(), options, echo);

  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().message.find(std::to_string(server.port())), std::string::npos);
}

TEST(ServerCreate, ListensOnIpv6) {
  async::IoThreads io{1};
  ServerOptions options;
  options.address = "::1";
  auto server = Server::create(io, options, echo);
  if (!server) GTEST_SKIP() << "no IPv6 loopback on this machine: " << server.error().message;
  EXPECT_NE((*server)->port(), 0);
}

}  // namespace
}  // namespace hearth::net::test
