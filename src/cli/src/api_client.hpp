// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "command.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/net/client.hpp"

namespace hearth::cli {

/// A running server, spoken to over HTTP by a command. Calls block; one thread.
class ApiClient {
 public:
  /// Where the server is: --host, HEARTH_HOST, or the default address.
  static Result<ApiClient> at(const Globals& globals);
  static Result<ApiClient> at(const std::string& url);

  /// True if a Hearth (or Ollama) answers there.
  bool reachable();
  /// The answer's body; an error status becomes an Error with the server's own message.
  Result<std::string> get(const std::string& path);
  Result<std::string> post(const std::string& path, const std::string& json, net::Headers headers = {});
  /// Each line of an NDJSON answer. Ctrl-C ends it with `cancelled`, and the process goes on.
  Result<> post_lines(const std::string& path, const std::string& json,
                      const std::function<Result<>(std::string_view)>& on_line);
  const std::string& url() const noexcept { return url_; }

 private:
  struct Io;
  explicit ApiClient(std::string url);
  Result<net::ClientResponse> request(const std::string& method, const std::string& path, const std::string& body,
                                      net::Headers headers = {});
  Error unreachable(const Error& error) const;

  std::string url_;
  std::shared_ptr<Io> io_;
};

}  // namespace hearth::cli
