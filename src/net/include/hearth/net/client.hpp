// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "hearth/base/clock.hpp"
#include "hearth/net/http.hpp"

namespace hearth::net {

/// scheme, host, port, target of an absolute http(s) URL.
struct Url {
  std::string scheme;  // "http" | "https"
  std::string host;
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"
  static Result<Url> parse(std::string_view text);
  std::string origin() const;  // "https://host:port"
  std::string text() const;
};

/// Pieces of a text that they keep alive.
struct SharedPieces {
  std::shared_ptr<const std::string> owner;
  std::vector<std::string_view> pieces;  // of `owner`, or of literals

  std::size_t size() const {
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces) bytes += piece.size();
    return bytes;
  }
};

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;
  std::string body;
  SharedPieces rest;              // of the body, behind `body`: sent from where it is
  std::string body_file;          // not empty: the body is this file, streamed
  std::uint64_t body_offset = 0;  // of body_file
  std::uint64_t body_length = 0;  // of body_file; 0 with an offset of 0: all of it
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};  // without a byte of progress
  Deadline deadline;                               // of all of it; a look-up of the host's name may outlast it
  int max_redirects = 0;  // followed for GET and HEAD; Authorization is dropped on a change of host
  std::uint64_t max_body_bytes = 64ULL * 1024 * 1024;  // of the answer; ignored with on_body
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  Url final_url;  // after redirects
};

/// An answer whose body is pulled. One coroutine of the client's context; destroyed before the client, on its thread.
/// Read to its end, the connection serves the next request; destroyed earlier, it is closed.
class ClientAnswer {
 public:
  virtual ~ClientAnswer() = default;
  /// Status and headers; the body is empty.
  virtual const ClientResponse& head() const noexcept = 0;
  /// Another deadline than ClientRequest::deadline for what comes now.
  virtual void set_deadline(Deadline deadline) = 0;
  /// The next piece, valid until the next call; empty at the end. Waits at most ClientRequest::idle_timeout.
  virtual Task<Result<std::string_view>> async_read() = 0;
};

/// Called with each piece of the body as it arrives; an error ends the request with it.
using OnHead = std::function<Result<>(const ClientResponse& head)>;
using OnBody = std::function<Result<>(std::string_view piece)>;

/// HTTP/1.1 client with TLS (system trust store, host name verified, TLS >= 1.2) and a bounded pool of idle connections
/// per origin. One io_context; coroutines of that context only, and destroyed on its thread with no request under way.
/// A pooled connection that the server has closed is not used; when it closes just as a request is sent, GET, HEAD,
/// PUT, DELETE and OPTIONS are tried once more on a new one, and others fail, as they could do their work twice.
/// Cancellation closes the connection. Errors: upstream_unavailable (connect, DNS, TLS trust, timeout, broken off),
/// upstream_error (protocol, limits, redirects), invalid_request and not_found (the request itself, its file).
class Client {
 public:
  struct Options {
    std::size_t max_idle_per_origin = 8;
    std::string ca_file;  // extra trust, for tests and private registries
  };
  static std::unique_ptr<Client> create(asio::any_io_executor executor, Options options);
  virtual ~Client() = default;
  virtual Task<Result<ClientResponse>> async_request(ClientRequest request) = 0;
  /// As async_request, but the body goes to `on_body`; `on_head` sees status and headers first and may refuse.
  virtual Task<Result<ClientResponse>> async_stream(ClientRequest request, OnHead on_head, OnBody on_body) = 0;
  /// Returns when the head has come. Redirects are not followed.
  virtual Task<Result<std::unique_ptr<ClientAnswer>>> async_open(ClientRequest request) = 0;
  /// Closes the connections of what is under way: it fails, as does all that is asked later. On the client's thread.
  virtual void end() = 0;
};

}  // namespace hearth::net
