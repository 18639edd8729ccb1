// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include "hearth/async/task_group.hpp"
#include "hearth/net/server.hpp"

namespace hearth::net::test {

using namespace std::chrono_literals;

/// How long a test waits for what must happen; only failing tests wait that long.
inline constexpr std::chrono::seconds kPatience{10};

/// Timeouts that no passing test reaches: what closes earlier was closed for another reason.
inline Limits patient_limits() {
  Limits limits;
  limits.head_timeout = limits.idle_timeout = limits.body_timeout = limits.write_timeout = 10 * kPatience;
  limits.linger_timeout = 500ms;
  return limits;
}

/// A server on a free loopback port; stopped when the test ends, also when it fails.
class LoopbackServer {
 public:
  explicit LoopbackServer(Handler handler, Limits limits = patient_limits(), BodyPlanner planner = {},
                          std::size_t threads = 2, std::shared_ptr<ServerTls> tls = nullptr)
      : io_{threads} {
    ServerOptions options;
    options.limits = limits;
    options.tls = std::move(tls);
    auto server = Server::create(io_, std::move(options), std::move(handler), std::move(planner));
    EXPECT_TRUE(server.has_value());
    server_ = std::move(*server);
    server_->start();
  }
  ~LoopbackServer() { stop(0ms); }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  void stop(std::chrono::milliseconds grace) { async_stop(grace).get(); }
  std::future<void> async_stop(std::chrono::milliseconds grace) {
    return asio::co_spawn(io_.at(0), server_->async_stop(grace), asio::use_future);
  }
  std::uint16_t port() const { return server_->port(); }
  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  async::IoThreads& io() { return io_; }

 private:
  async::IoThreads io_;
  std::unique_ptr<Server> server_;
};

/// A blocking client that sends bytes as they are. Every read gives up after kPatience.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0) : socket_{io_} {
    const asio::ip::tcp::endpoint endpoint{asio::ip::address_v4::loopback(), port};
    socket_.open(endpoint.protocol());
    if (receive_buffer > 0) socket_.set_option(asio::socket_base::receive_buffer_size{receive_buffer});
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    socket_.connect(endpoint);
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;  // the server may have closed already; what it answered is the test
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  /// Until `marker` is in what came since the last call; "" when the connection ends or patience does.
  std::string read_until(std::string_view marker) {
    std::size_t at;
    while ((at = received_.find(marker)) == std::string::npos) {
      if (!read_some()) return {};
    }
    return take(at + marker.size());
  }
  /// Head and body (by Content-Length) of one answer.
  std::string read_answer() {
    std::string answer = read_until("\r\n\r\n");
    const std::size_t at = answer.find("Content-Length: ");
    if (at == std::string::npos) return answer;
    const std::size_t length = std::stoul(answer.substr(at + 16));
    while (received_.size() < length && read_some()) continue;
    return answer + take(std::min(length, received_.size()));
  }
  /// Until the server closes; `closed()` then says whether it did (and did not just stay silent).
  std::string read_all() {
    while (read_some()) continue;
    return take(received_.size());
  }
  bool closed() const { return closed_; }
  /// Nothing came in the meantime.
  bool silent() {
    socket_.non_blocking(true);
    const bool none = !read_some() && !closed_;
    socket_.non_blocking(false);
    return none;
  }
  void finish_sending() { socket_.shutdown(asio::ip::tcp::socket::shutdown_send); }
  void reset() {
    socket_.set_option(asio::socket_base::linger{true, 0});
    socket_.close();
  }
  void close() { socket_.close(); }

 private:
  bool read_some() {
    char piece[16 * 1024];
    const ssize_t n = ::recv(socket_.native_handle(), piece, sizeof piece, 0);
    if (n > 0) received_.append(piece, static_cast<std::size_t>(n));
    closed_ = n == 0 || (n < 0 && errno == ECONNRESET);
    return n > 0;
  }
  std::string take(std::size_t n) {
    std::string out = received_.substr(0, n);
    received_.erase(0, n);
    return out;
  }

  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::string received_;
  bool closed_ = false;
};

/// Answers every request with "METHOD path|body".
inline Task<> echo(const Request& request, Responder& responder) {
  std::string body = request.method + " " + request.path + "|" + request.body;
  (void)co_await responder.send(200, Headers{}, std::move(body));
}

}  // namespace hearth::net::test
