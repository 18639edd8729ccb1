// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

// Grammar (Ollama's, so that both programs can share one folder):
//   name      = [scheme "://"] [host "/"] [namespace "/"] model [":" tag]
//   scheme    = "http" | "https"
//   every other part starts with a letter, a digit or "_"; then also "-", and
//   "." in host, model and tag, ":" (a port) in host. A part that starts so can be neither "." nor "..".
namespace hearth::models {
namespace {

constexpr std::string_view kDefaultScheme = "https";
constexpr std::string_view kDefaultHost = "registry.ollama.ai";
constexpr std::string_view kDefaultSpace = "library";
constexpr std::string_view kDefaultTag = "latest";
constexpr std::size_t kHostMax = 350;
constexpr std::size_t kPartMax = 80;
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::size_t kDigestHex = 64;

struct PartRule {
  std::string_view what;
  std::string_view extra;  // characters allowed after the first, beside letters, digits, "_" and "-"
  std::size_t length_max;
};
constexpr PartRule kHostRule{"host", ".:", kHostMax};
constexpr PartRule kSpaceRule{"namespace", "", kPartMax};
constexpr PartRule kModelRule{"model", ".", kPartMax};
constexpr PartRule kTagRule{"tag", ".", kPartMax};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// What the caller sent, made safe to print: a hostile name must not write control characters into a log.
std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  std::string out;
  for (const char c : text.substr(0, kShownMax)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return text.size() > kShownMax ? out + "..." : out;
}

Result<> check_part(const PartRule& rule, std::string_view part, std::string_view whole) {
  const auto refuse = [&](std::string_view why) {
    return fail(
        ErrorCode::invalid_request,
        fmt::format("model name '{}': the {} '{}' {}; write [host/][namespace/]model[:tag], for example llama3.2:1b",
                    shown(whole), rule.what, shown(part), why),
        "model");
  };
  if (part.empty()) return refuse("is empty");
  if (part.size() > rule.length_max) return refuse(fmt::format("is longer than {} characters", rule.length_max));
  if (!is_word(part.front())) return refuse("must start with a letter, a digit or '_'");
  const auto allowed = [&](char c) { return is_word(c) || c == '-' || rule.extra.find(c) != std::string_view::npos; };
  const auto bad = std::ranges::find_if_not(part, allowed);
  if (bad != part.end()) return refuse(fmt::format("holds the character '{}'", shown({&*bad, 1})));
  return {};
}

// Cuts the text behind the last separator off `rest`, and the separator.
std::string_view cut_last(std::string_view& rest, std::size_t at) {
  const std::string_view tail = rest.substr(at + 1);
  rest = rest.substr(0, at);
  return tail;
}

}  // namespace

Result<Name> Name::parse(std::string_view text) {
  Name name{
      std::string{kDefaultScheme}, std::string{kDefaultHost}, std::string{kDefaultSpace}, {}, std::string{kDefaultTag}};
  std::string_view rest = text;
  if (const auto at = rest.find("://"); at != std::string_view::npos) {
    name.scheme = rest.substr(0, at);
    rest.remove_prefix(at + 3);
    if (name.scheme != "http" && name.scheme != "https") {
      return fail(ErrorCode::invalid_request,
                  fmt::format("model name '{}': the scheme '{}' is not known; use https:// or http://", shown(text),
                              shown(name.scheme)),
                  "model");
    }
  }
  constexpr auto kNone = std::string_view::npos;
  const auto colon = rest.rfind(':');
  auto slash = rest.rfind('/');
  if (colon != kNone && (slash == kNone || colon > slash)) name.tag = cut_last(rest, colon);
  if (slash == kNone) {
    name.model = rest;
  } else {
    name.model = cut_last(rest, slash);
    slash = rest.rfind('/');
    if (slash == kNone) {
      name.space = rest;
    } else {
      name.space = cut_last(rest, slash);
      name.host = rest;
    }
  }
  HEARTH_CHECKED(check_part(kHostRule, name.host, text));
  HEARTH_CHECKED(check_part(kSpaceRule, name.space, text));
  HEARTH_CHECKED(check_part(kModelRule, name.model, text));
  HEARTH_CHECKED(check_part(kTagRule, name.tag, text));
  return name;
}

std::string Name::full() const { return fmt::format("{}/{}/{}:{}", host, space, model, tag); }

std::string Name::display() const {
  if (host != kDefaultHost) return full();
  if (space != kDefaultSpace) return fmt::format("{}/{}:{}", space, model, tag);
  return fmt::format("{}:{}", model, tag);
}

std::filesystem::path Name::manifest_path() const { return std::filesystem::path{host} / space / model / tag; }

Result<std::string> parse_digest(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!text.starts_with(kDigestPrefix) || text.size() != kDigestPrefix.size() + kDigestHex ||
      !std::ranges::all_of(text.substr(kDigestPrefix.size()), is_hex)) {
    return fail(ErrorCode::invalid_request,
                fmt::format("'{}' is not a digest; write sha256: and 64 lower-case hex digits", shown(text)), "digest");
  }
  return std::string{text.substr(kDigestPrefix.size())};
}

}  // namespace hearth::models
