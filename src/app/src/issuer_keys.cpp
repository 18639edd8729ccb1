// SPDX-License-Identifier: Apache-2.0
#include "issuer_keys.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "hearth/base/log.hpp"
#include "hearth/net/client.hpp"

namespace hearth::app {
namespace {

constexpr std::chrono::minutes kEvery{5};
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kSoonest{10};  // after the last time: a stranger's tokens must not make us ask for ever
constexpr std::uint64_t kLargest = 1 << 20;

Task<Result<std::string>> async_get(net::Client& client, std::string url_text) {
  HEARTH_CO_TRY(net::Url url, net::Url::parse(url_text));
  const bool here = url.host == "127.0.0.1" || url.host == "::1" || url.host == "localhost";
  if (url.scheme != "https" && !here) {
    co_return fail(ErrorCode::invalid_request,
                   fmt::format("{} is not https: whoever is on the way could send keys of theirs", url_text));
  }
  net::ClientRequest request;
  request.url = std::move(url);
  request.deadline = Deadline::after(Clock::now(), kSoonest);
  request.max_body_bytes = kLargest;
  HEARTH_CO_TRY(net::ClientResponse response, co_await client.async_request(std::move(request)));
  if (response.status != 200) {
    co_return fail(ErrorCode::upstream_error, fmt::format("{} answered {}", url_text, response.status));
  }
  co_return std::move(response.body);
}

/// Where the keys are (OpenID Connect Discovery 1.0, section 4).
Task<Result<std::string>> async_keys_url(net::Client& client, const identity::Issuer& issuer) {
  if (!issuer.keys_url.empty()) co_return issuer.keys_url;
  std::string base = issuer.url;
  while (base.ends_with('/')) base.pop_back();
  HEARTH_CO_TRY(const std::string text, co_await async_get(client, base + "/.well-known/openid-configuration"));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  const auto says = [&](const char* name) {
    const auto found = document.is_object() ? document.find(name) : document.end();
    return found != document.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  if (says("issuer") != issuer.url || says("jwks_uri").empty()) {
    co_return fail(ErrorCode::upstream_error, "the issuer's discovery document names another issuer, or no keys");
  }
  co_return says("jwks_uri");
}

Task<Result<>> async_fetch(net::Client& client, identity::TokenVerifier& tokens) {
  HEARTH_CO_TRY(std::string url, co_await async_keys_url(client, tokens.issuer()));
  HEARTH_CO_TRY(const std::string text, co_await async_get(client, std::move(url)));
  HEARTH_CO_TRY(auto keys, identity::KeySet::parse(text));
  log::info("oidc: the issuer's keys", {{"keys", keys->size()}});
  tokens.replace(std::move(keys));
  co_return Result<>{};
}

}  // namespace

Task<> async_watch_issuer(std::shared_ptr<identity::TokenVerifier> tokens) {
  const auto executor = co_await asio::this_coro::executor;
  const auto client = net::Client::create(executor, {.max_idle_per_origin = 1, .ca_file = tokens->issuer().ca_file});
  asio::steady_timer timer{executor};
  std::string before;
  while (true) {
    const Result<> fetched = co_await async_fetch(*client, *tokens);
    const std::string now = fetched ? std::string{} : fetched.error().message;
    if (!now.empty() && now != before) log::error("oidc: no keys of the issuer", {{"reason", now}});
    before = now;
    const auto asked = Clock::now();
    do {
      timer.expires_after(kTick);
      co_await timer.async_wait(asio::use_awaitable);
    } while (Clock::now() < asked + kSoonest ||
             (Clock::now() < asked + kEvery && !tokens->wants_keys() && tokens->has_keys()));
  }
}

}  // namespace hearth::app
