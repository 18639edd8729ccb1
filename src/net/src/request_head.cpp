// SPDX-License-Identifier: Apache-2.0
#include "request_head.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "ascii.hpp"
#include "hearth/base/version.hpp"

namespace hearth::net {
namespace {

using ascii::equal_ignoring_case;

constexpr std::size_t kUsualHead = 256;

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
  std::string out;
  out.reserve(kUsualHead);
  const auto end = std::back_inserter(out);
  fmt::format_to(end, FMT_COMPILE("{} {} HTTP/1.1\r\nHost: {}"), request.method, url.target, url.host);
  if (!default_port) fmt::format_to(end, FMT_COMPILE(":{}"), url.port);
  out += "\r\n";
  if (!request.headers.get("User-Agent")) out.append("User-Agent: hearth/").append(version()).append("\r\n");
  for (const auto& [name, value] : request.headers.fields()) {
    if (is_own(name)) continue;
    if (!ascii::is_token(name) || has_control(value)) {
      return fail(ErrorCode::invalid_request, "a header has a forbidden character", "headers");
    }
    out.append(name).append(": ").append(value).append("\r\n");
  }
  const bool wants_body = request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (body_length > 0 || wants_body) fmt::format_to(end, FMT_COMPILE("Content-Length: {}\r\n"), body_length);
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
