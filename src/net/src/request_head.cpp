// SPDX-License-Identifier: Apache-2.0
#include "request_head.hpp"

#include <fmt/format.h>

#include "ascii.hpp"
#include "hearth/base/version.hpp"

namespace hearth::net {
namespace {

using ascii::equal_ignoring_case;

bool is_own(std::string_view name) {
  for (const std::string_view own : {"Host", "Connection", "Content-Length", "Transfer-Encoding"}) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c != '\t' && ascii::is_ctl(c); });
}

}  // namespace

Result<std::string> request_head(const ClientRequest& request, std::uint64_t body_length) {
  const Url& url = request.url;
  if (!ascii::is_token(request.method)) return fail(ErrorCode::invalid_request, "the method is not a token", "method");
  if (!url.target.starts_with('/') || has_control(url.target) || url.target.find(' ') != std::string::npos) {
    return fail(ErrorCode::invalid_request, "the URL's path must start with / and have no spaces", "url");
  }
  const bool default_port = url.port == (url.scheme == "https" ? 443 : 80);
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}", request.method, url.target, url.host);
  out += default_port ? std::string{"\r\n"} : fmt::format(":{}\r\n", url.port);
  if (!request.headers.get("User-Agent")) out += fmt::format("User-Agent: hearth/{}\r\n", version());
  for (const auto& [name, value] : request.headers.fields()) {
    if (is_own(name)) continue;
    if (!ascii::is_token(name) || has_control(value)) {
      return fail(ErrorCode::invalid_request, "a header has a forbidden character", "headers");
    }
    out += name + ": " + value + "\r\n";
  }
  const bool wants_body = request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (body_length > 0 || wants_body) out += fmt::format("Content-Length: {}\r\n", body_length);
  out += "\r\n";
  return out;
}

Result<Url> redirect_target(const Url& from, std::string_view location) {
  if (location.starts_with("//")) return Url::parse(from.scheme + ":" + std::string{location});
  if (location.find("://") < location.find_first_of("/?#")) return Url::parse(location);
  const std::string base = from.origin();
  if (location.starts_with('/')) return Url::parse(base + std::string{location});
  const std::string path = from.target.substr(0, from.target.find('?'));
  if (location.empty() || location.starts_with('?') || location.starts_with('#')) {
    return Url::parse(base + path + std::string{location});
  }
  return Url::parse(base + path.substr(0, path.rfind('/') + 1) + std::string{location});
}

void follow(ClientRequest& request, Url next) {
  if (next.origin() != request.url.origin()) {
    Headers kept;
    for (const auto& [name, value] : request.headers.fields()) {
      const bool secret = equal_ignoring_case(name, "Authorization") || equal_ignoring_case(name, "Cookie") ||
                          equal_ignoring_case(name, "Proxy-Authorization") || equal_ignoring_case(name, "X-Api-Key");
      if (!secret) kept.add(name, value);
    }
    request.headers = std::move(kept);
  }
  request.url = std::move(next);
}

}  // namespace hearth::net
