// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/async/asio.hpp"
#include "hearth/base/result.hpp"

namespace hearth::net {

/// Header fields in order of appearance. Look-up ignores case (RFC 9110, 5.1).
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);
  std::optional<std::string_view> get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// One received request. The body is complete and within the server's limit.
struct Request {
  std::string method;  // "GET", "POST", …
  std::string path;    // percent-decoded, without the query; "." and ".." segments were refused
  std::map<std::string, std::string> query;
  Headers headers;
  std::string body;
  std::string spooled;      // the file that has the body instead, where the BodyPlan said so; the handler's to remove
  std::string peer;         // address of the client, for logs and limits
  std::string peer_name{};  // what its certificate says, verified; empty: it showed none
};

/// How a handler answers: either send() once, or start(), write()*, finish().
/// One connection, its io thread, its coroutine. A failed call means the client is gone: return.
/// When the client goes away while a handler runs, the handler's coroutine is cancelled (its next wait throws
/// boost::system::system_error operation_aborted); destructors must release what it holds.
class Responder {
 public:
  virtual ~Responder() = default;
  /// A complete answer with Content-Length.
  virtual Task<Result<>> send(int status, Headers headers, std::string body) = 0;
  /// Begins a streamed answer (chunked; connection close for HTTP/1.0).
  virtual Task<Result<>> start(int status, Headers headers) = 0;
  /// Sends one piece at once. Waits while the client reads slowly; fails after Limits::write_timeout without progress.
  virtual Task<Result<>> write(std::string_view piece) = 0;
  virtual Task<Result<>> finish() = 0;
  /// True once send() or start() was called.
  virtual bool started() const noexcept = 0;
};

/// Every request ends here. Must answer; an exception other than cancellation becomes a 500.
/// The request is the handler's until it returns; it may take the body.
using Handler = std::function<Task<>(Request&, Responder&)>;

/// Body limit of one request, decided from its head, before the body is read. Lets uploads be larger than chats.
struct BodyPlan {
  std::uint64_t max_bytes = 0;
  /// Not empty: the body is written to this file (created or truncated, mode 0600) and Request::body stays empty. The
  /// handler owns the file from the moment it runs; a body that does not arrive whole is removed by the server.
  std::string spool_path;
};
/// Called on the connection's io thread for requests that have a body. An error is the answer; the connection closes.
using BodyPlanner = std::function<Result<BodyPlan>(const Request& head)>;

}  // namespace hearth::net
