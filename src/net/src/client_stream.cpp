// SPDX-License-Identifier: Apache-2.0
#include "client_stream.hpp"

#include <fmt/format.h>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/error.hpp>

namespace hearth::net {
namespace {

using asio::ip::tcp;

// Literal addresses need no resolver, which is a thread of its own.
Task<Result<std::vector<tcp::endpoint>>> async_endpoints(Url url) {
  std::string host = url.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_literal;
  const auto address = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return std::vector{tcp::endpoint{address, url.port}};
  tcp::resolver resolver{co_await asio::this_coro::executor};
  auto resolved = co_await resolver.async_resolve(host, std::to_string(url.port), use_tuple);
  auto& [ec, results] = resolved;
  if (ec) co_return stream_error(ec, url, "cannot find the host");
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : results) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

}  // namespace

std::unexpected<Error> stream_error(boost::system::error_code ec, const Url& url, std::string_view what) {
  const bool timeout = ec == boost::beast::error::timeout;
  return fail(ErrorCode::upstream_unavailable,
              fmt::format("{}: {} ({})", url.origin(), what, timeout ? "timeout" : ec.message()));
}

ClientStream::ClientStream(asio::any_io_executor executor, asio::ssl::context* tls) {
  if (tls == nullptr) {
    plain_ = std::make_unique<boost::beast::tcp_stream>(std::move(executor));
  } else {
    tls_ = std::make_unique<boost::beast::ssl_stream<boost::beast::tcp_stream>>(std::move(executor), *tls);
  }
}

Task<Result<>> ClientStream::async_open(Url url, std::chrono::milliseconds timeout) {
  HEARTH_CO_TRY(const auto endpoints, co_await async_endpoints(url));
  tcp().expires_after(timeout);
  const auto connected = co_await tcp().async_connect(endpoints, use_tuple);
  if (std::get<0>(connected)) co_return stream_error(std::get<0>(connected), url, "cannot connect");
  boost::system::error_code ignored;
  tcp().socket().set_option(tcp::no_delay{true}, ignored);
  if (!tls_) co_return Result<>{};

  std::string host = url.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_literal;
  (void)asio::ip::make_address(host, not_literal);
  if (not_literal) SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str());  // SNI carries names only
  tls_->set_verify_mode(asio::ssl::verify_peer);
  tls_->set_verify_callback(asio::ssl::host_name_verification{host});
  tcp().expires_after(timeout);
  const auto [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::client, use_tuple);
  if (ec) {
    const long verdict = SSL_get_verify_result(tls_->native_handle());
    const bool judged = verdict != X509_V_OK;
    co_return stream_error(ec, url,
                           judged ? fmt::format("no trusted TLS connection, {}", X509_verify_cert_error_string(verdict))
                                  : std::string{"no trusted TLS connection"});
  }
  co_return Result<>{};
}

bool ClientStream::is_fresh() {
  auto& socket = tcp().socket();
  boost::system::error_code ec;
  socket.non_blocking(true, ec);
  char byte;
  if (!ec) socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, ec);
  return buffer.size() == 0 && (ec == asio::error::would_block || ec == asio::error::try_again);
}

}  // namespace hearth::net
