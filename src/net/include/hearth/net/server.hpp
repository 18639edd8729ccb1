// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "hearth/async/task_group.hpp"
#include "hearth/net/http.hpp"
#include "hearth/net/server_tls.hpp"

namespace hearth::net {

/// Bounds of the HTTP server; each has a test that hits it.
struct Limits {
  std::size_t max_connections = 4096;  // further ones are answered 503 and closed
  std::size_t max_head_bytes = 32 * 1024;
  std::size_t max_header_fields = 100;
  std::uint64_t max_body_bytes = 64ULL * 1024 * 1024;  // when no BodyPlanner says otherwise
  std::chrono::milliseconds head_timeout{10'000};      // from the first byte (or accept) to the end of the head
  std::chrono::milliseconds idle_timeout{120'000};     // keep-alive between requests
  std::chrono::milliseconds body_timeout{30'000};      // without a byte of progress
  std::chrono::milliseconds write_timeout{60'000};     // without a byte of progress
  std::chrono::milliseconds linger_timeout{2'000};     // after a refusal: how long unread input is thrown away
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one, see Server::port()
  Limits limits;
  std::shared_ptr<ServerTls> tls;  // null: plain HTTP
  /// Renders errors that the server itself answers (400 malformed, 413, 431, 408, 503) in the style of the path's API.
  std::function<std::pair<Headers, std::string>(const Error&, std::string_view path)> render_error;
};

/// HTTP/1.1 server: strict framing (what is ambiguous is refused and the connection closed), keep-alive, pipelining
/// one after the other, Expect: 100-continue, chunked and spooled bodies.
/// create() binds; start() accepts; async_stop() stops accepting, lets handlers run until `grace`, then cancels them.
class Server {
 public:
  static Result<std::unique_ptr<Server>> create(async::IoThreads& io, ServerOptions options, Handler handler,
                                                BodyPlanner body_planner = {});
  virtual ~Server() = default;
  virtual void start() = 0;
  virtual Task<> async_stop(std::chrono::milliseconds grace) = 0;
  virtual std::uint16_t port() const noexcept = 0;
  virtual std::size_t connections() const noexcept = 0;
};

}  // namespace hearth::net
