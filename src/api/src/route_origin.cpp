// SPDX-License-Identifier: Apache-2.0
#include "route_origin.hpp"

#include <algorithm>
#include <array>

#include "hearth/base/text.hpp"

namespace hearth::api {
namespace {

constexpr std::array<std::string_view, 4> kDesktopSchemes{"app://", "file://", "tauri://", "vscode-webview://"};

bool digits(std::string_view s, std::size_t most) {
  return !s.empty() && s.size() <= most && std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
}

/// 127.x.y.z in dotted form; the exotic spellings of IPv4 are left to browsers, which normalize them.
bool is_loopback_v4(std::string_view host) {
  int parts = 0;
  bool first = true;
  while (true) {
    const auto dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    if (!digits(part, 3) || (first && part != "127")) return false;
    first = false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

bool is_loopback_origin(std::string_view origin) {
  for (const std::string_view scheme : kDesktopSchemes) {
    if (origin.starts_with(scheme)) return true;
  }
  for (const std::string_view scheme : {std::string_view{"http://"}, std::string_view{"https://"}}) {
    if (origin.starts_with(scheme)) return is_loopback_authority(origin.substr(scheme.size()));
  }
  return false;
}

}  // namespace

bool is_loopback_authority(std::string_view authority) noexcept {
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos || authority.substr(0, close + 1) != "[::1]") return false;
    const std::string_view rest = authority.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && digits(rest.substr(1), 5));
  }
  const auto colon = authority.find(':');
  if (colon != std::string_view::npos && !digits(authority.substr(colon + 1), 5)) return false;
  const std::string host = text::to_lower_ascii(authority.substr(0, colon));
  return host == "localhost" || host.ends_with(".localhost") || is_loopback_v4(host);
}

Result<> check_origin(const net::Request& request) {
  if (const auto host = request.headers.get("Host"); host && !host->empty() && !is_loopback_authority(*host)) {
    return fail(ErrorCode::forbidden,
                "this server listens on loopback only and answers only to localhost, 127.0.0.1 and [::1]; the Host "
                "header names another machine. To serve others, give --listen an address of the network");
  }
  if (const auto origin = request.headers.get("Origin"); origin && !is_loopback_origin(*origin)) {
    return fail(ErrorCode::forbidden,
                "pages of other machines may not call this server; open them from localhost, or give --listen an "
                "address of the network");
  }
  return {};
}

void add_origin_headers(net::Headers& headers, const net::Request& request) {
  const auto origin = request.headers.get("Origin");
  if (!origin || !is_loopback_origin(*origin)) return;
  headers.add("Access-Control-Allow-Origin", std::string{*origin});
  headers.add("Vary", "Origin");
  headers.add(
      "Access-Control-Expose-Headers",
      "x-request-id, x-hearth-target, x-hearth-zone, x-hearth-decision, x-hearth-confidence, x-hearth-degraded, "
      "Retry-After");
}

}  // namespace hearth::api
