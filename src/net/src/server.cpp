// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/server.hpp"

#include <list>
#include <vector>

#include <fmt/format.h>

#include <algorithm>

#include "hearth/base/log.hpp"
#include "session.hpp"

namespace hearth::net {
namespace {

using asio::ip::tcp;

constexpr std::size_t kMaxTurnedAway = 64;  // 503 answers under way on one thread; beyond it the socket just closes
constexpr std::chrono::milliseconds kAcceptPause{100};  // after a failed accept: out of file descriptors, mostly

/// The sessions of one io thread. Everything but spawn() on that thread only.
struct Lane {
  Lane(asio::io_context& io, std::size_t max_sessions)
      : context{io}, group{io.get_executor(), max_sessions + kMaxTurnedAway} {}
  asio::io_context& context;
  async::TaskGroup group;
  std::list<Session*> sessions;
  std::atomic<std::size_t> turned_away{0};
};

struct CountGuard {
  std::atomic<std::size_t>& count;
  ~CountGuard() { --count; }
};

struct ListGuard {
  std::list<Session*>& list;
  std::list<Session*>::iterator place;
  ~ListGuard() { list.erase(place); }
};

class TcpServer final : public Server {
 public:
  TcpServer(async::IoThreads& io, ServerOptions options, Handler handler, BodyPlanner planner)
      : io_{io}, acceptor_{io.at(0)}, accepting_{io.at(0).get_executor(), 1} {
    shared_.options = std::move(options);
    shared_.handler = std::move(handler);
    shared_.planner = std::move(planner);
    for (std::size_t i = 0; i < io.size(); ++i) {
      lanes_.push_back(std::make_unique<Lane>(io.at(i), shared_.options.limits.max_connections));
    }
  }

  Result<> bind() {
    const auto& options = shared_.options;
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(options.address, ec);
    if (ec)
      return fail(ErrorCode::invalid_request, fmt::format("'{}' is not an IP address", options.address), "listen");
    const tcp::endpoint endpoint{address, options.port};
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address{true}, ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
    if (!ec) port_ = acceptor_.local_endpoint(ec).port();
    if (!ec) return {};
    const auto code = ec == asio::error::address_in_use ? ErrorCode::conflict : ErrorCode::unavailable;
    const std::string_view hint =
        ec == asio::error::address_in_use ? "; is Hearth running already? Another port: --listen 127.0.0.1:0" : "";
    return fail(code, fmt::format("cannot listen on {}:{}: {}{}", options.address, options.port, ec.message(), hint),
                "listen");
  }

  void start() override { accepting_.spawn("accept", async_accept()); }
  std::uint16_t port() const noexcept override { return port_; }
  std::size_t connections() const noexcept override { return shared_.connections; }
  Task<> async_stop(std::chrono::milliseconds grace) override;

 private:
  Task<> async_accept();
  void admit(tcp::socket socket, Lane& lane);
  Task<> async_session(tcp::socket socket, Lane& lane, asio::cancellation_signal& own);
  Task<> async_turn_away(tcp::socket socket, Lane& lane, asio::cancellation_signal& own);
  Task<> async_stop_accepting();
  Task<> async_close_idle(Lane& lane);
  Task<> async_drain(Lane& lane, Clock::time_point deadline);

  async::IoThreads& io_;
  ServerShared shared_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  async::TaskGroup accepting_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

Task<> TcpServer::async_accept() {
  asio::steady_timer pause{co_await asio::this_coro::executor};
  while (acceptor_.is_open()) {
    asio::io_context& context = io_.next();
    auto accepted = co_await acceptor_.async_accept(context, use_tuple);
    auto& [ec, socket] = accepted;
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {
      log::warn("accept failed", {{"error", ec.message()}});
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(use_tuple);
      continue;
    }
    const auto lane = std::ranges::find_if(lanes_, [&](const auto& each) { return &each->context == &context; });
    admit(std::move(socket), **lane);
  }
}

void TcpServer::admit(tcp::socket socket, Lane& lane) {
  if (shared_.connections < shared_.options.limits.max_connections) {
    ++shared_.connections;
    auto session = [this, &lane, s = std::move(socket)](asio::cancellation_signal& own) mutable {
      return async_session(std::move(s), lane, own);
    };
    if (!lane.group.spawn("session", std::move(session))) --shared_.connections;
  } else if (lane.turned_away < kMaxTurnedAway) {
    ++lane.turned_away;
    auto turn_away = [this, &lane, s = std::move(socket)](asio::cancellation_signal& own) mutable {
      return async_turn_away(std::move(s), lane, own);
    };
    if (!lane.group.spawn("turn away", std::move(turn_away))) --lane.turned_away;
  }
}

Task<> TcpServer::async_session(tcp::socket socket, Lane& lane, asio::cancellation_signal& own) {
  const CountGuard count{shared_.connections};
  Session session{shared_, std::move(socket), own};
  const ListGuard listed{lane.sessions, lane.sessions.insert(lane.sessions.end(), &session)};
  co_await session.async_run();
}

Task<> TcpServer::async_turn_away(tcp::socket socket, Lane& lane, asio::cancellation_signal& own) {
  const CountGuard count{lane.turned_away};
  Session session{shared_, std::move(socket), own};
  co_await session.async_turn_away();
}

Task<> TcpServer::async_stop_accepting() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accepting_.cancel();
  co_await accepting_.async_join();
}

Task<> TcpServer::async_close_idle(Lane& lane) {
  for (Session* session : lane.sessions) session->stop_when_idle();
  co_return;
}

Task<> TcpServer::async_drain(Lane& lane, Clock::time_point deadline) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer{lane.context, deadline};
  co_await (lane.group.async_join() || timer.async_wait(use_tuple));
  lane.group.cancel();
  co_await lane.group.async_join();
}

Task<> TcpServer::async_stop(std::chrono::milliseconds grace) {
  const auto deadline = Clock::now() + grace;
  co_await asio::co_spawn(acceptor_.get_executor(), async_stop_accepting(), asio::use_awaitable);
  shared_.stopping = true;  // after the last accept: each session is in its lane's list or sees the flag
  for (auto& lane : lanes_) co_await asio::co_spawn(lane->context, async_close_idle(*lane), asio::use_awaitable);
  for (auto& lane : lanes_) co_await asio::co_spawn(lane->context, async_drain(*lane, deadline), asio::use_awaitable);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(async::IoThreads& io, ServerOptions options, Handler handler,
                                               BodyPlanner body_planner) {
  auto server = std::make_unique<TcpServer>(io, std::move(options), std::move(handler), std::move(body_planner));
  HEARTH_CHECKED(server->bind());
  return server;
}

}  // namespace hearth::net
