// SPDX-License-Identifier: Apache-2.0
#include "grammar_root.hpp"

namespace hearth::engine {
namespace {

bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; }

/// The end of the literal, character class, token or comment that begins at `at`; `at` itself if none does.
std::size_t skip_opaque(std::string_view gbnf, std::size_t at) {
  const char open = gbnf[at];
  const char close = open == '"' ? '"' : open == '[' ? ']' : open == '<' ? '>' : open == '#' ? '\n' : '\0';
  if (close == '\0') return at;
  for (++at; at < gbnf.size() && gbnf[at] != close; ++at) {
    if (gbnf[at] == '\\' && open != '#') ++at;
  }
  return at + 1;
}

}  // namespace

std::string with_start_symbol(std::string_view gbnf, std::string_view start) {
  if (start == "root" || start.empty()) return std::string{gbnf};
  std::string out;
  for (std::size_t at = 0; at < gbnf.size();) {
    std::size_t end = skip_opaque(gbnf, at);
    if (end == at) {
      while (end < gbnf.size() && is_name(gbnf[end])) ++end;
      const std::string_view name = gbnf.substr(at, end - at);
      if (name == "root" || name == start) {
        out += name == start ? "root" : "root-of-constraint";
        at = end;
        continue;
      }
      if (end == at) ++end;
    }
    out += gbnf.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace hearth::engine
