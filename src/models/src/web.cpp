// SPDX-License-Identifier: Apache-2.0
#include "web.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "backoff.hpp"
#include "bearer_challenge.hpp"
#include "hearth/base/text.hpp"

namespace hearth::models {
namespace {

constexpr unsigned kUnansweredRetries = 2;

constexpr int kRedirectsMax = 5;
constexpr std::uint64_t kRefusalBytesMax = 64U << 10;  // of the body of an answer that is not 2xx
constexpr std::uint64_t kTokenBytesMax = 256U << 10;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string{host}, error);
  return !error && address.is_loopback();
}

Result<net::Url> resolve(const net::Url& base, std::string_view location) {
  const bool absolute = location.starts_with("http://") || location.starts_with("https://");
  if (!absolute && (!location.starts_with('/') || location.starts_with("//"))) {
    return fail(ErrorCode::upstream_error, fmt::format("{} redirects to a place that is not a URL", base.host));
  }
  HEARTH_TRY(auto target,
             net::Url::parse(absolute ? std::string{location} : fmt::format("{}{}", base.origin(), location)));
  if (base.scheme == "https" && target.scheme != "https") {
    return fail(ErrorCode::forbidden, fmt::format("{} redirects from https to http; refused", base.host));
  }
  return target;
}

Error status_error(const net::ClientResponse& response, const net::Url& url, std::string_view what) {
  const auto [code, why] = [&]() -> std::pair<ErrorCode, std::string_view> {
    switch (response.status) {
      case 401: return {ErrorCode::unauthenticated, "it wants a login"};
      case 403: return {ErrorCode::forbidden, "it does not allow that"};
      case 404:
      case 410: return {ErrorCode::not_found, "it does not have that"};
      case 408: return {ErrorCode::upstream_unavailable, "it timed out"};
      case 429: return {ErrorCode::rate_limited, "too many requests; try again later"};
      default: return {ErrorCode::upstream_error, response.status >= 500 ? "it is in trouble" : "unexpected"};
    }
  }();
  return Error{code, fmt::format("{}: {} answered {} ({})", what, url.host, response.status, why), {}, {}};
}

Web::Web(asio::any_io_executor executor, const StoreContext& context, bool insecure)
    : client_{net::Client::create(std::move(executor),
                                  net::Client::Options{context.options.parallel_ranges + 1, context.options.ca_file})},
      options_{context.options},
      logins_{context.logins},
      insecure_{insecure} {}

void Web::set_bearer(const net::Url& origin, Secret token) {
  authorization_[origin.origin()] = Secret{"Bearer " + token.reveal()};
}

Result<> Web::may_contact(const net::Url& url) const {
  if (url.scheme == "https" || insecure_ || is_loopback(url.host)) return {};
  return fail(
      ErrorCode::forbidden,
      fmt::format("{} would be spoken to without encryption; use https, or --insecure if you mean it", url.host));
}

Task<Result<>> Web::async_authorize(net::Url url, std::string challenge) {
  const bool is_default_port = url.port == (url.scheme == "https" ? 443 : 80);
  auto login = logins_.find(is_default_port ? url.host : fmt::format("{}:{}", url.host, url.port));
  if (!text::to_lower_ascii(challenge.substr(0, 5)).starts_with("basic")) {
    co_return co_await async_take_token(std::move(url), std::move(challenge), std::move(login));
  }
  if (!login) {
    co_return fail(
        ErrorCode::unauthenticated,
        fmt::format("{} wants a login; `docker login {}` writes one where hearth reads it", url.host, url.host));
  }
  authorization_[url.origin()] = *std::move(login);
  co_return Result<>{};
}

// Docker Registry v2, "token authentication"; public repositories give a token without a login.
Task<Result<>> Web::async_take_token(net::Url url, std::string challenge, std::optional<Secret> login) {
  HEARTH_CO_TRY(const auto wanted, parse_bearer_challenge(challenge));
  auto realm = net::Url::parse(wanted.realm);
  if (!realm)
    co_return fail(ErrorCode::upstream_error, fmt::format("{} names a login server that is no URL", url.host));
  if (!may_authorize(url.host, realm->host) || (url.scheme == "https" && realm->scheme != "https")) {
    co_return fail(ErrorCode::forbidden,
                   fmt::format("{} sends us to {} for a token; only its own host is trusted", url.host, realm->host));
  }
  HEARTH_CO_CHECKED(may_contact(*realm));
  realm->target += fmt::format("{}service={}&scope={}", realm->target.find('?') == std::string::npos ? "?" : "&",
                               percent_encode(wanted.service), percent_encode(wanted.scope));
  net::ClientRequest request;
  request.url = *realm;
  request.idle_timeout = options_.stall_timeout;
  request.max_body_bytes = kTokenBytesMax;
  if (login) request.headers.set("Authorization", login->reveal());
  HEARTH_CO_TRY(const auto response, co_await client_->async_request(std::move(request)));
  if (!is_success(response.status)) co_return fail(status_error(response, *realm, "asking for a token"));
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  for (const char* key : {"token", "access_token"}) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_string()) continue;
    auto token = json[key].get<std::string>();
    if (token.find_first_of("\r\n") != std::string::npos) break;
    set_bearer(url, Secret{std::move(token)});
    co_return Result<>{};
  }
  co_return fail(ErrorCode::upstream_error, fmt::format("{} answered without a token", realm->host));
}

Task<Result<net::ClientResponse>> Web::async_stream(net::ClientRequest request, net::OnHead head, net::OnBody body) {
  const bool follows = request.method == "GET" || request.method == "HEAD";
  bool authorized = false;
  for (int redirects = 0; redirects <= kRedirectsMax;) {
    HEARTH_CO_CHECKED(may_contact(request.url));
    auto sent = request;
    sent.idle_timeout = options_.stall_timeout;
    if (const auto known = authorization_.find(request.url.origin()); known != authorization_.end()) {
      sent.headers.set("Authorization", known->second.reveal());
    }
    bool wanted = false;
    std::string refusal;
    net::OnHead on_head = [&](const net::ClientResponse& response) -> Result<> {
      wanted = is_success(response.status);
      return wanted && head ? head(response) : Result<>{};
    };
    net::OnBody on_body = [&](std::string_view piece) -> Result<> {
      if (wanted) return body(piece);
      refusal += piece;
      if (refusal.size() > kRefusalBytesMax) return fail(ErrorCode::upstream_error, "the refusal is endless");
      return {};
    };
    HEARTH_CO_TRY(auto response,
                  co_await client_->async_stream(std::move(sent), std::move(on_head), std::move(on_body)));
    response.final_url = request.url;
    if (follows && is_redirect(response.status)) {
      const auto location = response.headers.get("location").value_or("");
      HEARTH_CO_TRY(request.url, resolve(request.url, location));
      ++redirects;
      continue;
    }
    const auto challenge = response.headers.get("www-authenticate");
    if (response.status == 401 && challenge && !authorized) {
      authorized = true;
      HEARTH_CO_CHECKED(co_await async_authorize(request.url, std::string{*challenge}));
      continue;
    }
    co_return response;
  }
  co_return fail(ErrorCode::upstream_error, fmt::format("{} redirects in circles", request.url.host));
}

Task<Result<net::ClientResponse>> Web::async_send(net::ClientRequest request) {
  const auto limit = request.max_body_bytes;
  std::string text;
  net::OnBody collect = [&](std::string_view piece) -> Result<> {
    if (text.size() + piece.size() > limit) return fail(ErrorCode::corrupt_data, "the answer is larger than allowed");
    text += piece;
    return {};
  };
  net::OnHead clear = [&](const net::ClientResponse&) -> Result<> {
    text.clear();  // the client may have sent the request a second time
    return {};
  };
  HEARTH_CO_TRY(auto response, co_await async_stream(std::move(request), std::move(clear), std::move(collect)));
  response.body = std::move(text);
  co_return response;
}

Task<Result<net::ClientResponse>> Web::async_get(net::Url url, net::Headers headers, std::string what,
                                                 std::uint64_t max_bytes) {
  for (unsigned attempt = 0;; ++attempt) {
    net::ClientRequest request;
    request.url = url;
    request.headers = headers;
    request.max_body_bytes = max_bytes;
    auto response = co_await async_send(std::move(request));
    if (response && is_success(response->status)) co_return response;
    // A server that never answered is more likely a wrong name than a bad minute: say so soon.
    const unsigned tries = response ? options_.max_retries : std::min(options_.max_retries, kUnansweredRetries);
    auto error = response ? status_error(*response, url, what) : std::move(response).error();
    if (!worth_retrying(error.code) || attempt >= tries) co_return fail(std::move(error));
    co_await async_back_off(attempt);
  }
}

Task<> Web::async_back_off(unsigned attempt) {
  asio::steady_timer timer{co_await asio::this_coro::executor, backoff(options_.first_backoff, attempt)};
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace hearth::models
