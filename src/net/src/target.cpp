// SPDX-License-Identifier: Apache-2.0
#include "target.hpp"

#include <optional>

#include "ascii.hpp"

namespace hearth::net {
namespace {

std::unexpected<Fault> bad(std::string message) { return std::unexpected{Fault{400, std::move(message)}}; }

enum class Plus { literal, space };

std::optional<std::string> percent_decoded(std::string_view s, Plus plus) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '+' && plus == Plus::space) {
      out.push_back(' ');
    } else if (s[i] != '%') {
      out.push_back(s[i]);
    } else {
      if (s.size() - i < 3) return std::nullopt;
      const int high = ascii::hex_value(s[i + 1]);
      const int low = ascii::hex_value(s[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
  return false;
}

bool parse_query(std::string_view text, std::map<std::string, std::string>& query) {
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals), Plus::space);
    auto value =
        percent_decoded(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), Plus::space);
    if (!name || !value) return false;
    query.try_emplace(std::move(*name), std::move(*value));
  }
  return true;
}

// "http://host/path" -> "/path", when the host is the one of the Host field; anything else stays as it is.
std::expected<std::string_view, Fault> without_authority(std::string_view target, std::string_view host) {
  const std::size_t scheme_end = target.find("://");
  if (target.starts_with('/') || scheme_end == std::string_view::npos) return target;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!ascii::equal_ignoring_case(scheme, "http") && !ascii::equal_ignoring_case(scheme, "https")) return target;
  const std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t path = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, path);
  if (authority.empty() || !ascii::equal_ignoring_case(authority, host)) {
    return bad("the request target names another host than the Host header");
  }
  return path == std::string_view::npos ? std::string_view{"/"} : rest.substr(path);
}

}  // namespace

std::expected<Target, Fault> parse_target(std::string_view target, std::string_view method, std::string_view host) {
  if (target == "*") {
    if (method != "OPTIONS") return bad("the request target * is for OPTIONS only");
    return Target{"*", {}};
  }
  for (const char c : target) {
    if (c == ' ' || c == '#' || ascii::is_ctl(c)) return bad("the request target has a forbidden character");
  }
  auto local = without_authority(target, host);
  if (!local) return std::unexpected{std::move(local).error()};
  const std::size_t question = local->find('?');
  const std::string_view raw_path = local->substr(0, question);
  if (!raw_path.starts_with('/')) return bad("the request target must start with /");

  Target out;
  auto path = percent_decoded(raw_path, Plus::literal);
  if (!path) return bad("the path has a broken percent escape");
  if (has_dot_segment(*path)) return bad("the path has a . or .. segment");
  out.path = std::move(*path);
  if (question != std::string_view::npos && !parse_query(local->substr(question + 1), out.query)) {
    return bad("the query has a broken percent escape");
  }
  return out;
}

}  // namespace hearth::net
