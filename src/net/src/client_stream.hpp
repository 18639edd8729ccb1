// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "hearth/net/client.hpp"

namespace hearth::net {

/// One connection of the client, plain or TLS, with one timeout for each operation. An AsyncStream for Beast
/// (async_read_some, async_write_some); owned by the request that uses it, or by the pool. One coroutine at a time.
class ClientStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  ClientStream(asio::any_io_executor executor, asio::ssl::context* tls);  // tls null: plain

  /// Resolves, connects, and with TLS shakes hands with the host's name checked. Bound: `timeout` for each of the
  /// three; a look-up that hangs in the system's resolver ends when that gives up.
  Task<Result<>> async_open(Url url, std::chrono::milliseconds timeout);
  /// Nothing has come and the peer has not closed: safe to send the next request.
  bool is_fresh();
  void expires_after(std::chrono::milliseconds timeout) { tcp().expires_after(timeout); }

  executor_type get_executor() { return tcp().get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                : plain_->async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                : plain_->async_write_some(buffers, std::forward<Token>(token));
  }

  boost::beast::flat_buffer buffer;  // received and not parsed yet
  bool reused = false;

 private:
  boost::beast::tcp_stream& tcp() { return tls_ ? tls_->next_layer() : *plain_; }

  std::unique_ptr<boost::beast::tcp_stream> plain_;
  std::unique_ptr<boost::beast::ssl_stream<boost::beast::tcp_stream>> tls_;
};

/// The error of an operation, in words. `what`: "cannot connect", "no answer", ...
std::unexpected<Error> stream_error(boost::system::error_code ec, const Url& url, std::string_view what);

}  // namespace hearth::net
