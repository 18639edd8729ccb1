// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "context.hpp"
#include "hearth/base/secret.hpp"
#include "hearth/net/client.hpp"

namespace hearth::models {

/// HTTP for one transfer: redirects, tokens and logins, retries, and the rule whom we talk to. One coroutine executor.
/// Plain http is spoken to loopback only, unless `insecure`; a redirect never leads from https to http.
/// A token goes to the origin it was issued for and to no other.
class Web {
 public:
  /// `context` outlives this.
  Web(asio::any_io_executor executor, const StoreContext& context, bool insecure);

  void set_bearer(const net::Url& origin, Secret token);

  /// One exchange; any status is a value. Follows redirects of GET and HEAD; answers one token challenge.
  Task<Result<net::ClientResponse>> async_send(net::ClientRequest request);
  /// As async_send; `head` and `body` see 2xx answers only.
  Task<Result<net::ClientResponse>> async_stream(net::ClientRequest request, net::OnHead head, net::OnBody body);
  /// GET of something small, tried again while that may help. A status other than 2xx is an error that says `what`.
  Task<Result<net::ClientResponse>> async_get(net::Url url, net::Headers headers, std::string what,
                                              std::uint64_t max_bytes);
  /// Waits before try `attempt` + 1.
  Task<> async_back_off(unsigned attempt);

 private:
  Result<> may_contact(const net::Url& url) const;
  Task<Result<>> async_authorize(net::Url url, std::string challenge);
  Task<Result<>> async_take_token(net::Url url, std::string challenge, std::optional<Secret> login);

  std::unique_ptr<net::Client> client_;
  const Store::Options& options_;
  const RegistryLogins& logins_;
  bool insecure_;
  std::map<std::string, Secret> authorization_;  // by origin: the header's value
};

/// The error for a status that is not 2xx; `what` completes "… refused/has no …".
Error status_error(const net::ClientResponse& response, const net::Url& url, std::string_view what);
inline bool is_success(int status) { return status >= 200 && status < 300; }
bool is_loopback(std::string_view host);
/// `location` of an answer to a request for `base`: absolute, or a path of the same origin. Refused (forbidden) if it
/// leads from https to http.
Result<net::Url> resolve(const net::Url& base, std::string_view location);

}  // namespace hearth::models
