// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "ascii.hpp"
#include "hearth/net/client.hpp"

namespace hearth::net {
namespace {

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::invalid_request, fmt::format("not a URL: {}; it looks like https://host:port/path", what),
              "url");
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {  // an IPv6 literal, kept with its brackets
    boost::system::error_code ec;
    (void)asio::ip::make_address_v6(std::string{host.substr(1, host.size() - 2)}, ec);
    return host.ends_with(']') && !ec;
  }
  return !host.empty() && host.size() <= 253 && !host.starts_with('.') &&
         std::ranges::all_of(host, [](char c) { return ascii::is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  Url url;
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad("the scheme is missing");
  for (const char c : text.substr(0, scheme_end)) url.scheme.push_back(ascii::lower(c));
  if (url.scheme != "http" && url.scheme != "https") return bad("the scheme must be http or https");
  for (const char c : text) {
    if (c == ' ' || ascii::is_ctl(c)) return bad("it has a space or a control character");
  }
  text = text.substr(scheme_end + 3);
  text = text.substr(0, text.find('#'));  // a fragment is never sent

  const std::size_t path = text.find_first_of("/?");
  const std::string_view authority = text.substr(0, path);
  if (authority.find('@') != std::string_view::npos) return bad("user and password in it are not accepted");
  const std::size_t host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  const std::size_t cut = authority.starts_with('[') && host_end != std::string_view::npos ? host_end + 1 : host_end;
  const std::string_view host = authority.substr(0, cut);
  const std::string_view port = cut < authority.size() ? authority.substr(cut) : std::string_view{};
  if (!is_host(host)) return bad("the host is missing or has a forbidden character");
  for (const char c : host) url.host.push_back(ascii::lower(c));

  url.port = url.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    const auto parsed = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
    const bool whole = port[0] == ':' && parsed.ec == std::errc{} && parsed.ptr == port.data() + port.size();
    if (!whole || url.port == 0) return bad("the port is not a number from 1 to 65535");
  }
  const std::string_view target = path == std::string_view::npos ? std::string_view{} : text.substr(path);
  url.target = target.starts_with('/') ? std::string{target} : "/" + std::string{target};
  return url;
}

std::string Url::origin() const { return fmt::format(FMT_COMPILE("{}://{}:{}"), scheme, host, port); }

std::string Url::text() const {
  const bool is_default = port == (scheme == "https" ? 443 : 80);
  return is_default ? scheme + "://" + host + target : origin() + target;
}

}  // namespace hearth::net
