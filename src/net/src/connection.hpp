// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/async/asio.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "tls_socket.hpp"

namespace hearth::net {

/// One accepted socket with its input buffer. Owned by its session, used on its io thread only: at most one coroutine
/// reads and one writes at a time. Cancellation ends a wait as for any Asio operation; the buffer keeps what came.
/// An idle connection holds no buffer: memory is taken when bytes are there, not while waiting for them.
class Connection {
 public:
  enum class Wake : std::uint8_t { ready, timeout, closed };
  using Buffers = std::array<asio::const_buffer, 3>;

  explicit Connection(asio::ip::tcp::socket socket, SslContextPtr tls = nullptr);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Bytes received and not consumed yet.
  std::string_view input() const noexcept { return input_; }
  void consume(std::size_t bytes);

  /// Before anything else, where there is TLS; at once where there is none. False: it came to nothing.
  Task<bool> async_handshake(Clock::time_point deadline);
  /// Who the client proved to be by a certificate; empty: nobody.
  std::string client_name() const { return tls_ ? tls_->client_name() : std::string{}; }

  /// Adds at least one and at most `room` bytes to input(). closed: end of stream or a broken connection.
  Task<Wake> async_fill(std::size_t room, Clock::time_point deadline);

  /// Until unwatch(): calls `on_gone`, once, when the client has closed or broken the connection. Keeps pipelined bytes
  /// in input() up to `max_input`; while that is full only a broken connection is seen, an orderly close is found by
  /// the next write.
  void watch(std::size_t max_input, std::function<void()> on_gone);
  void unwatch() { on_gone_ = nullptr; }

  /// Sends all of `buffers`, which the caller keeps alive. Fails with `cancelled` when the client is gone and with
  /// deadline_exceeded after `timeout` without a byte of progress; after a failure the connection is of no use.
  Task<Result<>> async_write(Buffers buffers, Clock::duration timeout);

  /// Ends the output, then throws input away until the client has closed too, so that the last answer is not lost to
  /// a reset. At most until `deadline`.
  Task<> async_linger(Clock::time_point deadline);

  /// Wakes a coroutine that waits in async_fill; it sees `closed`.
  void cancel_wait();
  std::string peer() const;

 private:
  struct Link;  // to a connection that may be gone when the wait ends
  /// One wait for input at a time, whoever wants to know: it is left standing from one request to the next.
  void arm();
  void arm_for_errors();
  void on_input(bool broken);
  void look_for_the_end();
  void await_the_end();
  Task<Wake> async_wait(asio::ip::tcp::socket::wait_type what, Clock::time_point deadline);
  /// Bytes taken; 0 with would_block: none now.
  std::size_t write_now(const Buffers& buffers, boost::system::error_code& ec);
  std::size_t read_some(char* data, std::size_t room, boost::system::error_code& ec);
  /// Input that no wait for the socket would end for.
  bool has_pending() const { return tls_ && tls_->pending() > 0; }
  /// Reads what is there. ready: bytes came; timeout: nothing there now.
  Wake read_now(std::size_t room);
  /// Counts an I/O call. True once in a while: the other connections of the thread shall run.
  bool gives_way();

  asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsSocket> tls_;  // null: plain
  asio::steady_timer timer_;
  std::string input_;
  std::shared_ptr<Link> link_;
  bool armed_ = false;  // a wait for input stands
  bool armed_for_errors_ = false;
  bool broken_ = false;   // it ended with an error
  bool stopped_ = false;  // cancel_wait()
  bool filling_ = false;  // async_fill waits
  std::function<void()> on_gone_;
  std::size_t max_input_ = 0;  // while watching
  unsigned burst_ = 0;         // I/O calls in a row that did not have to wait
};

}  // namespace hearth::net
