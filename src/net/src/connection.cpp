// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

#include <utility>

namespace hearth::net {
namespace {

using asio::ip::tcp;

constexpr unsigned kMaxBurst = 16;
constexpr std::size_t kDiscardPiece = 16 * 1024;

void drop_front(Connection::Buffers& buffers, std::size_t bytes) {
  for (auto& buffer : buffers) {
    const std::size_t n = std::min(bytes, buffer.size());
    buffer += n;
    bytes -= n;
  }
}

}  // namespace

struct Connection::Link {
  Connection* connection;
};

Connection::Connection(tcp::socket socket, SslContextPtr tls)
    : socket_{std::move(socket)}, timer_{socket_.get_executor()}, link_{std::make_shared<Link>(this)} {
  boost::system::error_code ignored;  // a socket that is broken already shows it at the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay{true}, ignored);
  if (tls) tls_ = std::make_unique<TlsSocket>(std::move(tls), socket_.native_handle());
}

Connection::~Connection() { link_->connection = nullptr; }

std::string Connection::peer() const {
  boost::system::error_code ec;
  const auto endpoint = socket_.remote_endpoint(ec);
  return ec ? std::string{} : endpoint.address().to_string();
}

void Connection::consume(std::size_t bytes) {
  input_.erase(0, bytes);
  if (input_.empty()) input_ = std::string{};
}

void Connection::cancel_wait() {
  stopped_ = true;
  if (filling_) timer_.cancel();
}

Task<bool> Connection::async_handshake(Clock::time_point deadline) {
  while (tls_) {
    const TlsSocket::Io io = tls_->handshake();
    if (io == TlsSocket::Io::done) break;
    if (io == TlsSocket::Io::closed) co_return false;
    const auto what = io == TlsSocket::Io::want_read ? tcp::socket::wait_read : tcp::socket::wait_write;
    if (co_await async_wait(what, deadline) != Wake::ready) co_return false;
  }
  co_return true;
}

std::size_t Connection::read_some(char* data, std::size_t room, boost::system::error_code& ec) {
  if (!tls_) return socket_.read_some(asio::buffer(data, room), ec);
  std::size_t bytes = 0;
  // A record that is there in part reads as nothing; the rest of it will wake us.
  const TlsSocket::Io io = tls_->read(data, room, bytes);
  if (io == TlsSocket::Io::closed) ec = asio::error::eof;
  if (io == TlsSocket::Io::want_read || io == TlsSocket::Io::want_write) ec = asio::error::would_block;
  return bytes;
}

std::size_t Connection::write_now(const Buffers& buffers, boost::system::error_code& ec) {
  if (!tls_) return socket_.write_some(buffers, ec);
  for (const auto& buffer : buffers) {
    if (buffer.size() == 0) continue;
    std::size_t bytes = 0;
    const TlsSocket::Io io = tls_->write(buffer.data(), buffer.size(), bytes);
    if (io == TlsSocket::Io::closed) ec = asio::error::connection_reset;
    if (io == TlsSocket::Io::want_read || io == TlsSocket::Io::want_write) ec = asio::error::would_block;
    return bytes;
  }
  return 0;
}

Connection::Wake Connection::read_now(std::size_t room) {
  boost::system::error_code ec;
  const std::size_t old = input_.size();
  input_.resize_and_overwrite(old + room,
                              [&](char* data, std::size_t) { return old + read_some(data + old, room, ec); });
  if (!ec) return Wake::ready;
  if (input_.empty()) input_ = std::string{};
  const bool nothing = ec == asio::error::would_block || ec == asio::error::try_again || ec == asio::error::interrupted;
  return nothing ? Wake::timeout : Wake::closed;
}

void Connection::arm() {
  if (std::exchange(armed_, true)) return;
  socket_.async_wait(tcp::socket::wait_read, [link = link_](boost::system::error_code ec) {
    if (link->connection == nullptr) return;
    link->connection->armed_ = false;
    link->connection->on_input(static_cast<bool>(ec));
  });
}

void Connection::arm_for_errors() {
  if (std::exchange(armed_for_errors_, true)) return;
  socket_.async_wait(tcp::socket::wait_error, [link = link_](boost::system::error_code) {
    if (link->connection != nullptr) link->connection->on_input(true);
  });
}

void Connection::on_input(bool broken) {
  broken_ = broken_ || broken;
  if (on_gone_) return look_for_the_end();
  if (filling_) timer_.cancel();  // a write that waits has the timer otherwise
}

void Connection::look_for_the_end() {
  const bool full = input_.size() >= max_input_;
  if (broken_ || (!full && read_now(max_input_ - input_.size()) == Wake::closed)) {
    return std::exchange(on_gone_, nullptr)();
  }
  input_.shrink_to_fit();
  await_the_end();
}

void Connection::await_the_end() {
  while (has_pending() && input_.size() < max_input_) {
    if (read_now(max_input_ - input_.size()) != Wake::ready) break;
  }
  if (input_.size() < max_input_) return arm();
  arm_for_errors();
}

void Connection::watch(std::size_t max_input, std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  max_input_ = max_input;
  await_the_end();
}

Task<Connection::Wake> Connection::async_wait(tcp::socket::wait_type what, Clock::time_point deadline) {
  burst_ = 0;
  timer_.expires_at(deadline);
  auto group = asio::experimental::make_parallel_group(socket_.async_wait(what, asio::deferred),
                                                       timer_.async_wait(asio::deferred));
  const auto [order, io_error, timer_error] =
      co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1 && !timer_error) co_return Wake::timeout;
  co_return io_error ? Wake::closed : Wake::ready;
}

bool Connection::gives_way() {
  if (++burst_ < kMaxBurst) return false;
  burst_ = 0;
  return true;
}

Task<Connection::Wake> Connection::async_fill(std::size_t room, Clock::time_point deadline) {
  if (gives_way()) co_await asio::post(asio::use_awaitable);
  while (true) {
    // Nothing can be in the socket while a wait stands; it would have ended.
    const Wake now = armed_ && !has_pending() ? Wake::timeout : read_now(room);
    if (now != Wake::timeout) co_return now;
    if (broken_ || stopped_) co_return Wake::closed;
    arm();
    burst_ = 0;
    timer_.expires_at(deadline);
    filling_ = true;
    const auto [cancelled] = co_await timer_.async_wait(use_tuple);
    filling_ = false;
    if (!cancelled && armed_) co_return Wake::timeout;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return Wake::closed;
  }
}

Task<Result<>> Connection::async_write(Buffers buffers, Clock::duration timeout) {
  if (gives_way()) co_await asio::post(asio::use_awaitable);
  while (asio::buffer_size(buffers) > 0) {
    boost::system::error_code ec;
    drop_front(buffers, write_now(buffers, ec));
    if (!ec) continue;
    if (ec != asio::error::would_block && ec != asio::error::try_again && ec != asio::error::interrupted) {
      co_return fail(ErrorCode::cancelled, "the client has closed the connection");
    }
    const Wake wake = co_await async_wait(tcp::socket::wait_write, Clock::now() + timeout);
    if (wake == Wake::timeout) co_return fail(ErrorCode::deadline_exceeded, "the client does not read its answer");
    if (wake == Wake::closed) co_return fail(ErrorCode::cancelled, "the client has closed the connection");
  }
  co_return Result<>{};
}

Task<> Connection::async_linger(Clock::time_point deadline) {
  boost::system::error_code ignored;
  if (tls_) tls_->shutdown();
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  while (true) {
    consume(input_.size());
    if (Clock::now() >= deadline || co_await async_fill(kDiscardPiece, deadline) != Wake::ready) co_return;
  }
}

}  // namespace hearth::net
