// SPDX-License-Identifier: Apache-2.0
#include "bearer_challenge.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hearth/base/text.hpp"

namespace hearth::models {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kAuthorities{{
    {"registry-1.docker.io", "auth.docker.io"},
    {"nvcr.io", "authn.nvidia.com"},
    {"registry.gitlab.com", "gitlab.com"},
    {"registry.ollama.ai", "ollama.com"},
}};

// One `key="value"` or `key=value` off the front of `rest`.
std::pair<std::string, std::string> cut_parameter(std::string_view& rest) {
  const auto skip = rest.find_first_not_of(" ,\t");
  rest.remove_prefix(std::min(skip, rest.size()));
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) {
    rest = {};
    return {};
  }
  auto key = text::to_lower_ascii(rest.substr(0, equals));
  rest.remove_prefix(equals + 1);
  std::string value;
  if (!rest.starts_with('"')) {
    const auto end = std::min(rest.find(','), rest.size());
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return {std::move(key), std::move(value)};
  }
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    value += rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return {std::move(key), std::move(value)};
}

std::string encode(std::string_view text, std::string_view also_kept) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || also_kept.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace

Result<BearerChallenge> parse_bearer_challenge(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  if (text::to_lower_ascii(header.substr(0, kScheme.size())) != kScheme) {
    return fail(ErrorCode::upstream_error, "the registry asks for a login that is not a bearer token");
  }
  auto rest = header.substr(kScheme.size());
  BearerChallenge out;
  while (!rest.empty()) {
    auto [key, value] = cut_parameter(rest);
    if (key == "realm")
      out.realm = std::move(value);
    else if (key == "service")
      out.service = std::move(value);
    else if (key == "scope")
      out.scope = std::move(value);
  }
  if (out.realm.empty()) return fail(ErrorCode::upstream_error, "the registry asks for a token but does not say where");
  return out;
}

bool may_authorize(std::string_view registry_host, std::string_view realm_host) {
  if (registry_host == realm_host) return true;
  return std::ranges::find(kAuthorities, std::pair{registry_host, realm_host}) != kAuthorities.end();
}

std::string percent_encode(std::string_view text) { return encode(text, ""); }
std::string percent_encode_path(std::string_view path) { return encode(path, "/"); }

}  // namespace hearth::models
