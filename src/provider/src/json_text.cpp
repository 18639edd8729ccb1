// SPDX-License-Identifier: Apache-2.0
#include "json_text.hpp"

#include <cmath>

namespace hearth::provider {
namespace {

constexpr int kDepthMax = 128;  // destroying deeper ones recurses too

bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Json parse_json(std::string_view text) {
  if (too_deep(text)) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(nullptr) : json;
}

const Json& at(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto it = object.find(name);
  return it == object.end() ? null : *it;
}

std::string text_at(const Json& object, const char* name) {
  const Json& value = at(object, name);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

std::int64_t count_at(const Json& object, const char* name) {
  const auto value = number_at(object, name);
  constexpr double kMost = 1e15;
  return value && *value >= 0 && *value <= kMost ? static_cast<std::int64_t>(*value) : 0;
}

std::optional<double> number_at(const Json& object, const char* name) {
  const Json& value = at(object, name);
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace hearth::provider
