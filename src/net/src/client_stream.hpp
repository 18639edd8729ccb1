// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "hearth/base/clock.hpp"
#include "hearth/net/client.hpp"

namespace hearth::net {

/// One connection of the client, plain or TLS. Owned by the request that uses it, or by the pool. One coroutine at a
/// time, on the executor's one thread. An operation that its deadline ends gives asio::error::timed_out; the
/// connection is of no use then.
class ClientStream {
 public:
  using ErrorCode = boost::system::error_code;

  ClientStream(const asio::any_io_executor& executor, asio::ssl::context* tls);  // tls null: plain
  ~ClientStream();
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  /// Resolves, connects, and with TLS shakes hands with the host's name checked. Bound: `timeout` for each of the last
  /// two and `deadline` for both; a look-up that hangs in the system's resolver ends when that gives up.
  Task<Result<>> async_open(Url url, std::chrono::milliseconds timeout, Deadline deadline);
  /// Nothing has come and the peer has not closed: safe to send the next request.
  bool is_fresh();

  /// Operations under way end with operation_aborted.
  void close();

  /// For the operations that follow, until it is set anew. Cheap: no timer is touched unless this is the nearest yet.
  void expires(Deadline deadline);

  /// Adds what has come, at most `room` bytes, to `received.buffer`; waits for at least one byte.
  Task<ErrorCode> async_fill(std::size_t room);
  /// Some of `bytes`; returns how many.
  Task<ErrorCode> async_write_some(std::string_view bytes, std::size_t& written);

  /// Kept with the connection: allocated for each answer they are the memory that comes and goes most.
  struct Received {
    boost::beast::flat_buffer buffer;  // not parsed yet
    std::unique_ptr<char[]> piece;     // of a body, for who reads it; null before the first
  };
  Received received;
  bool reused = false;

 private:
  class Watch;
  asio::ip::tcp::socket& tcp() { return tls_ ? tls_->next_layer() : *plain_; }
  /// The error of an operation that ended: cancelled by whom?
  ErrorCode blame(ErrorCode ec) const;

  std::unique_ptr<asio::ip::tcp::socket> plain_;
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket>> tls_;
  std::shared_ptr<Watch> watch_;
};

/// The error of an operation, in words. `what`: "cannot connect", "no answer", ... `cancelled` for one that was.
std::unexpected<Error> stream_error(boost::system::error_code ec, const Url& url, std::string_view what);

}  // namespace hearth::net
