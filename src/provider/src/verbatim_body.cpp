// SPDX-License-Identifier: Apache-2.0
#include "verbatim_body.hpp"

#include <algorithm>
#include <optional>

#include "json_text.hpp"

namespace hearth::provider {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

/// Behind the string that begins at `from` with its quote.
std::size_t string_end(std::string_view text, std::size_t from) {
  for (std::size_t quote = text.find('"', from + 1); quote < text.size(); quote = text.find('"', quote + 1)) {
    const std::size_t before = text.find_last_not_of('\\', quote - 1);  // at the latest the first quote
    if ((quote - before) % 2 == 1) return quote + 1;                    // else the last backslash escapes it
  }
  return text.size();
}

/// Behind the value that begins at `from`.
std::size_t value_end(std::string_view text, std::size_t from) {
  int depth = 0;
  for (std::size_t i = from; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = string_end(text, i);
      if (depth == 0) return i;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return i;  // of the object around a number
      if (--depth == 0) return i + 1;
    }
    if (depth == 0 && (c == ',' || kSpaces.find(c) != std::string_view::npos)) return i;
    ++i;
  }
  return text.size();
}

struct Member {
  std::string_view name;  // with its quotes
  std::string_view value;
  std::string_view whole;
};

/// The members of an object, one after the other. The text was parsed before: it is valid.
class Members {
 public:
  explicit Members(std::string_view text) : text_{text}, at_{text.find('{') + 1} {}

  std::optional<Member> next() {
    at_ = text_.find_first_not_of(" \t\r\n,", at_);
    if (at_ >= text_.size() || text_[at_] != '"') return std::nullopt;
    const std::size_t begin = at_;
    const std::size_t name_end = string_end(text_, begin);
    const std::size_t value = text_.find_first_not_of(" \t\r\n:", name_end);
    if (value >= text_.size()) return std::nullopt;
    at_ = value_end(text_, value);
    return Member{text_.substr(begin, name_end - begin), text_.substr(value, at_ - value),
                  text_.substr(begin, at_ - begin)};
  }

 private:
  std::string_view text_;
  std::size_t at_;
};

bool is_named(const Member& member, std::string_view name) {
  if (member.name.find('\\') == std::string_view::npos) return member.name.substr(1, member.name.size() - 2) == name;
  const Json unescaped = parse_json(member.name);
  return unescaped.is_string() && unescaped.get_ref<const std::string&>() == name;
}

}  // namespace

std::string_view raw_member(std::string_view text, std::string_view name) {
  Members members{text};
  while (const auto member = members.next()) {
    if (is_named(*member, name)) return member->value;
  }
  return {};
}

HttpCall edited_call(std::string path, std::shared_ptr<const std::string> text, std::span<const Edit> edits) {
  HttpCall call{.path = std::move(path), .headers = {}, .body = "{", .rest = {}};
  for (const Edit& edit : edits) {
    if (edit.value.empty()) continue;
    if (call.body.size() > 1) call.body += ',';
    call.body.append("\"").append(edit.name).append("\":").append(edit.value);
  }
  bool first = call.body.size() == 1;
  Members members{*text};
  while (const auto member = members.next()) {
    if (std::ranges::any_of(edits, [&](const Edit& edit) { return is_named(*member, edit.name); })) continue;
    if (!first) call.rest.pieces.emplace_back(",");
    first = false;
    call.rest.pieces.push_back(member->whole);
  }
  call.rest.pieces.emplace_back("}");
  call.rest.owner = std::move(text);
  return call;
}

}  // namespace hearth::provider
