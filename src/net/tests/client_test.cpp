// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/client.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include <boost/asio/ssl.hpp>

#include "certificate.hpp"
#include "loopback.hpp"

namespace hearth::net::test {
namespace {

using asio::ip::tcp;

/// A client on an io thread of its own, called as if it blocked.
class BlockingClient {
 public:
  explicit BlockingClient(Client::Options options = {})
      : client_{Client::create(io_.at(0).get_executor(), std::move(options))} {}
  ~BlockingClient() {
    auto destroy = [this] { client_.reset(); };
    asio::post(io_.at(0), std::packaged_task<void()>{std::move(destroy)});
    asio::post(io_.at(0), asio::use_future([] {})).get();
  }
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  Result<ClientResponse> operator()(ClientRequest request) {
    return asio::co_spawn(io_.at(0), client_->async_request(std::move(request)), asio::use_future).get();
  }
  std::future<Result<ClientResponse>> begin(ClientRequest request) {
    return asio::co_spawn(io_.at(0), client_->async_request(std::move(request)), asio::use_future);
  }
  void end() {
    asio::post(io_.at(0), asio::use_future([this] { client_->end(); })).get();
  }
  Result<ClientResponse> stream(ClientRequest request, OnHead on_head, OnBody on_body) {
    auto task = client_->async_stream(std::move(request), std::move(on_head), std::move(on_body));
    return asio::co_spawn(io_.at(0), std::move(task), asio::use_future).get();
  }

 private:
  async::IoThreads io_{1};
  std::unique_ptr<Client> client_;
};

ClientRequest request_to(std::uint16_t port, std::string target = "/", std::string method = "GET") {
  ClientRequest request;
  request.method = std::move(method);
  request.url = Url{"http", "127.0.0.1", port, std::move(target)};
  return request;
}

/// Accepts connections one after the other and gives each to the next step of the script.
class ScriptedServer {
 public:
  using Step = std::function<void(tcp::socket&)>;

  explicit ScriptedServer(std::vector<Step> steps)
      : acceptor_{io_, tcp::endpoint{asio::ip::address_v4::loopback(), 0}},
        thread_{[this, script = std::move(steps)] { run(script); }} {}
  ~ScriptedServer() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes an accept that nobody came to
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  static std::string read_head(tcp::socket& socket) {
    std::string head;
    char c;
    boost::system::error_code ec;
    while (!head.ends_with("\r\n\r\n") && asio::read(socket, asio::buffer(&c, 1), ec) == 1) head.push_back(c);
    return head;
  }
  static void answer(tcp::socket& socket, std::string_view text) {
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(text.data(), text.size()), ignored);
  }
  static Step answers(std::string text) {
    return [text = std::move(text)](tcp::socket& socket) {
      read_head(socket);
      answer(socket, text);
    };
  }

 private:
  void run(const std::vector<Step>& script) {
    for (const Step& step : script) {
      boost::system::error_code ec;
      tcp::socket socket = acceptor_.accept(ec);
      if (ec) return;
      step(socket);
    }
  }
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(Client, SendsARequestAndReusesTheConnection) {
  LoopbackServer server{echo};
  BlockingClient client;
  for (int i = 0; i < 3; ++i) {
    ClientRequest request = request_to(server.port(), "/a%20b", "POST");
    request.body = "hello";
    const auto answer = client(std::move(request));
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /a b|hello");
  }
  EXPECT_EQ(server->connections(), 1U);
}

Task<> chunks(const Request&, Responder& responder) {
  (void)co_await responder.start(200, Headers{});
  for (int i = 0; i < 3; ++i) (void)co_await responder.write("piece" + std::to_string(i));
  (void)co_await responder.finish();
}

TEST(Client, StreamsABodyAfterTheHead) {
  LoopbackServer server{chunks};
  BlockingClient client;
  std::string seen;
  auto on_head = [&seen](const ClientResponse& head) -> Result<> {
    seen += std::to_string(head.status) + ":";
    return {};
  };
  auto on_body = [&seen](std::string_view piece) -> Result<> {
    seen += piece;
    return {};
  };

  const auto answer = client.stream(request_to(server.port()), on_head, on_body);

  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(seen, "200:piece0piece1piece2");
  EXPECT_EQ(answer->body, "");
}

TEST(Client, EndsWithTheCallersErrorWhenItRefusesHeadOrBody) {
  LoopbackServer server{chunks};
  BlockingClient client;
  auto refuse_head = [](const ClientResponse&) -> Result<> { return fail(ErrorCode::conflict, "head"); };
  auto refuse_body = [](std::string_view) -> Result<> { return fail(ErrorCode::cancelled, "body"); };
  auto accept_body = [](std::string_view) -> Result<> { return {}; };

  EXPECT_EQ(client.stream(request_to(server.port()), refuse_head, accept_body).error().message, "head");
  EXPECT_EQ(client.stream(request_to(server.port()), {}, refuse_body).error().message, "body");
}

TEST(Client, UploadsARangeOfAFile) {
  const auto path = std::filesystem::path{testing::TempDir()} / ("hearth_net_upload_" + std::to_string(::getpid()));
  std::string content(700'000, 'x');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>('a' + i % 23);
  std::ofstream{path, std::ios::binary} << content;
  LoopbackServer server{echo};
  BlockingClient client;
  ClientRequest request = request_to(server.port(), "/f", "PUT");
  request.body_file = path.string();
  const auto whole = client(request);
  request.body_offset = 5;
  request.body_length = 600'000;
  const auto range = client(request);
  request.body_length = 700'000;
  const auto too_long = client(request);
  std::filesystem::remove(path);

  ASSERT_TRUE(whole.has_value() && range.has_value());
  EXPECT_TRUE(whole->body == "PUT /f|" + content);
  EXPECT_TRUE(range->body == "PUT /f|" + content.substr(5, 600'000));
  EXPECT_EQ(too_long.error().code, ErrorCode::not_found);
}

TEST(Client, BoundsTheCollectedBody) {
  LoopbackServer server{chunks};
  BlockingClient client;
  ClientRequest request = request_to(server.port());
  request.max_body_bytes = 17;
  EXPECT_EQ(client(request).error().code, ErrorCode::upstream_error);
  request.max_body_bytes = 18;
  EXPECT_EQ(client(request)->body, "piece0piece1piece2");
}

TEST(Client, GivesUpAfterTheIdleTimeout) {
  std::promise<void> done;
  ScriptedServer server{{[&done](tcp::socket& socket) {
    ScriptedServer::read_head(socket);
    ScriptedServer::answer(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    done.get_future().wait();
  }}};
  BlockingClient client;
  ClientRequest request = request_to(server.port());
  request.idle_timeout = 100ms;

  const auto answer = client(request);
  done.set_value();

  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::upstream_unavailable);
  EXPECT_NE(answer.error().message.find("timeout"), std::string::npos);
}

TEST(Client, EndsWhatIsUnderWayAndTakesNothingMore) {
  std::promise<void> asked;
  std::promise<void> ended;
  ScriptedServer server{{[&](tcp::socket& socket) {
    ScriptedServer::read_head(socket);
    ScriptedServer::answer(socket, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    asked.set_value();
    ended.get_future().wait();
  }}};
  BlockingClient client;
  auto answer = client.begin(request_to(server.port(), "/", "POST"));
  asked.get_future().wait();
  client.end();
  EXPECT_FALSE(answer.get());
  EXPECT_EQ(client(request_to(server.port())).error().code, ErrorCode::cancelled);
  ended.set_value();
}

TEST(Client, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    asio::io_context io;
    port = tcp::acceptor{io, tcp::endpoint{asio::ip::address_v4::loopback(), 0}}.local_endpoint().port();
  }
  BlockingClient client;
  EXPECT_EQ(client(request_to(port)).error().code, ErrorCode::upstream_unavailable);
}

// The server takes the second request of the connection and closes without a word.
ScriptedServer::Step answers_once_then_closes() {
  return [](tcp::socket& socket) {
    ScriptedServer::read_head(socket);
    ScriptedServer::answer(socket, kOk);
    ScriptedServer::read_head(socket);
  };
}

TEST(Client, TriesAnIdempotentRequestOnceMoreWhenAPooledConnectionDies) {
  ScriptedServer server{{answers_once_then_closes(), ScriptedServer::answers(std::string{kOk})}};
  BlockingClient client;
  EXPECT_TRUE(client(request_to(server.port())).has_value());
  const auto second = client(request_to(server.port()));
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(second->body, "ok");
}

TEST(Client, DoesNotSendAPostTwice) {
  ScriptedServer server{{answers_once_then_closes(), ScriptedServer::answers(std::string{kOk})}};
  BlockingClient client;
  EXPECT_TRUE(client(request_to(server.port())).has_value());
  EXPECT_EQ(client(request_to(server.port(), "/", "POST")).error().code, ErrorCode::upstream_unavailable);
}

TEST(Client, DoesNotUseAPooledConnectionThatTheServerHasClosed) {
  std::promise<void> closed;
  ScriptedServer server{{[&closed](tcp::socket& socket) {
                           ScriptedServer::read_head(socket);
                           ScriptedServer::answer(socket, kOk);
                           socket.close();
                           closed.set_value();
                         },
                         ScriptedServer::answers(std::string{kOk})}};
  BlockingClient client;
  EXPECT_TRUE(client(request_to(server.port())).has_value());
  closed.get_future().wait();
  EXPECT_TRUE(client(request_to(server.port(), "/", "POST")).has_value());
}

TEST(Client, ReportsAnswersThatAreNoHttpOrBreakOff) {
  ScriptedServer server{{ScriptedServer::answers("SSH-2.0-x\r\n\r\n"),
                         ScriptedServer::answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"),
                         ScriptedServer::answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")}};
  BlockingClient client;
  EXPECT_EQ(client(request_to(server.port())).error().code, ErrorCode::upstream_error);
  EXPECT_EQ(client(request_to(server.port())).error().code, ErrorCode::upstream_unavailable);
  EXPECT_EQ(client(request_to(server.port())).error().code, ErrorCode::upstream_unavailable);
}

TEST(Client, BoundsTheFramingOfChunks) {
  const auto drowns = [](std::string begin) {
    return [begin = std::move(begin)](tcp::socket& socket) {
      ScriptedServer::read_head(socket);
      ScriptedServer::answer(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + begin);
      const std::string more(64 * 1024, 'a');
      boost::system::error_code ec;
      for (int i = 0; i < 64 && !ec; ++i) asio::write(socket, asio::buffer(more), ec);
    };
  };
  ScriptedServer server{{drowns("1;"), drowns("0\r\nX: ")}};
  BlockingClient client;
  for (int i = 0; i < 2; ++i) {
    const auto answer = client(request_to(server.port()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::upstream_error);
    EXPECT_NE(answer.error().message.find("framing"), std::string::npos) << answer.error().message;
  }
}

TEST(Client, SkipsInterimAnswersAndReadsUntilClose) {
  ScriptedServer server{
      {ScriptedServer::answers("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end")}};
  BlockingClient client;
  const auto answer = client(request_to(server.port()));
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "to the end");
}

/// "/n" redirects to "/n-1"; "/out?PORT" to another port; "/0" tells whether credentials came along.
Task<> redirect(const Request& request, Responder& responder) {
  Headers headers;
  std::string body;
  int status = 302;
  if (request.path == "/0") {
    status = 200;
    body = std::string{request.headers.get("Authorization").value_or("none")};
  } else if (request.path == "/out") {
    headers.add("Location", "http://127.0.0.1:" + request.query.begin()->first + "/0");
  } else {
    headers.add("Location", std::to_string(std::stoi(request.path.substr(1)) - 1));
  }
  (void)co_await responder.send(status, std::move(headers), std::move(body));
}

TEST(Client, FollowsRedirectsUpToTheLimit) {
  LoopbackServer server{redirect};
  BlockingClient client;
  ClientRequest request = request_to(server.port(), "/3");
  request.headers.add("Authorization", "Bearer k");
  EXPECT_EQ(client(request)->status, 302);
  request.max_redirects = 3;
  const auto answer = client(request);
  request.max_redirects = 2;
  const auto too_many = client(request);

  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "Bearer k");
  EXPECT_EQ(answer->final_url.target, "/0");
  EXPECT_EQ(too_many.error().code, ErrorCode::upstream_error);
}

TEST(Client, KeepsCredentialsFromAnotherOrigin) {
  LoopbackServer first{redirect};
  LoopbackServer second{redirect};
  BlockingClient client;
  ClientRequest request = request_to(first.port(), "/out?" + std::to_string(second.port()));
  request.headers.add("Authorization", "Bearer k");
  request.max_redirects = 1;

  EXPECT_EQ(client(request)->body, "none");
}

class TlsClient : public testing::Test {
 protected:
  explicit TlsClient(long left = 3600) : certificate{left} {}

  Certificate certificate;
  std::string sni;

  ScriptedServer::Step tls_answer() {
    return [this](tcp::socket& socket) {
      asio::ssl::context context{asio::ssl::context::tls_server};
      SSL_CTX_use_certificate(context.native_handle(), certificate.x509);
      SSL_CTX_use_PrivateKey(context.native_handle(), certificate.key);
      asio::ssl::stream<tcp::socket&> tls{socket, context};
      boost::system::error_code ec;
      tls.handshake(asio::ssl::stream_base::server, ec);
      if (ec) return;
      const char* name = SSL_get_servername(tls.native_handle(), TLSEXT_NAMETYPE_host_name);
      sni = name == nullptr ? "" : name;
      char piece[1024];
      tls.read_some(asio::buffer(piece), ec);
      asio::write(tls, asio::buffer(kOk.data(), kOk.size()), ec);
    };
  }
};

TEST_F(TlsClient, TrustsTheGivenCertificateAndSendsTheName) {
  std::optional<ScriptedServer> server{std::vector{tls_answer()}};
  BlockingClient client{{.max_idle_per_origin = 1, .ca_file = certificate.file.string()}};
  ClientRequest request = request_to(server->port());
  request.url.scheme = "https";
  request.url.host = "localhost";

  const auto answer = client(request);
  server.reset();

  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
  EXPECT_EQ(sni, "localhost");
}

TEST_F(TlsClient, RefusesACertificateForAnotherName) {
  ScriptedServer server{{tls_answer()}};
  BlockingClient client{{.max_idle_per_origin = 1, .ca_file = certificate.file.string()}};
  ClientRequest request = request_to(server.port());
  request.url.scheme = "https";

  EXPECT_EQ(client(request).error().code, ErrorCode::upstream_unavailable);
}

class ExpiredTls : public TlsClient {
 protected:
  ExpiredTls() : TlsClient{-3600} {}
};

TEST_F(ExpiredTls, IsRefusedAndSaysSo) {
  ScriptedServer server{{tls_answer()}};
  BlockingClient client{{.max_idle_per_origin = 1, .ca_file = certificate.file.string()}};
  ClientRequest request = request_to(server.port());
  request.url.scheme = "https";
  request.url.host = "localhost";

  const auto answer = client(request);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::upstream_unavailable);
  EXPECT_NE(answer.error().message.find("expired"), std::string::npos) << answer.error().message;
}

TEST_F(TlsClient, RefusesACertificateThatNobodyTrusts) {
  ScriptedServer server{{tls_answer()}};
  BlockingClient client;
  ClientRequest request = request_to(server.port());
  request.url.scheme = "https";
  request.url.host = "localhost";

  EXPECT_EQ(client(request).error().code, ErrorCode::upstream_unavailable);
}

TEST_F(TlsClient, SaysThatTheTrustFileIsBad) {
  BlockingClient client{{.max_idle_per_origin = 1, .ca_file = "/nonexistent.pem"}};
  ClientRequest request = request_to(1);
  request.url.scheme = "https";

  EXPECT_EQ(client(request).error().code, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace hearth::net::test
