// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "constraint_text.hpp"
#include "schema_format.hpp"
#include "schema_shape.hpp"
#include "work_limit.hpp"

/// Proofs about shapes: that a value is allowed, that two places never allow the same value.
namespace hearth::engine {
namespace {

constexpr int kMaxProofDepth = 3;
constexpr std::size_t kMaxOpenExpansions = 32;

std::uint8_t type_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return Types::null;
    case Json::value_t::boolean: return Types::boolean;
    case Json::value_t::object: return Types::object;
    case Json::value_t::array: return Types::array;
    case Json::value_t::string: return Types::string;
    default: return Decimal::of(value).is_integer() ? Types::integer : Types::fractional;
  }
}

bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return Decimal::of(a) == Decimal::of(b);
  return a == b;
}

}  // namespace

Result<bool> Expander::admits(const Conjunction& places, const Json& value) {
  HEARTH_TRY(const Expansion expansion, expand(places));
  for (const Shape& shape : expansion.shapes) {
    HEARTH_TRY(const bool yes, admits(shape, value));
    if (yes) return true;
  }
  return false;
}

Result<bool> Expander::admits(const Shape& shape, const Json& value) {
  HEARTH_CHECKED(WorkLimit::spend(1 + shape.excluded.size() + (shape.values ? shape.values->size() : 0)));
  if ((shape.types & type_of(value)) == 0) return false;
  const auto equals = [&value](const Json* other) { return same_value(*other, value); };
  if (std::ranges::any_of(shape.excluded, equals)) return false;
  if (shape.values && std::ranges::none_of(*shape.values, equals)) return false;
  if (value.is_number()) return within(Decimal::of(value), shape.limits);
  if (value.is_object()) return admits_object(shape, value);
  if (value.is_array()) return admits_array(shape, value);
  if (!value.is_string()) return true;
  const auto text = to_code_points(value.get_ref<const std::string&>());
  if (!text || text->size() < shape.length.min || text->size() > shape.length.max) return false;
  HEARTH_TRY(const auto language, string_language(shape, /*with_length=*/false));
  return !language || language->accepts(*text);
}

Result<bool> Expander::admits_object(const Shape& shape, const Json& value) {
  if (value.size() < shape.properties.min || value.size() > shape.properties.max) return false;
  for (const std::string& name : shape.required) {
    if (!value.contains(name)) return false;
  }
  for (const auto& [name, child] : value.items()) {
    HEARTH_TRY(const Conjunction places, property_places(shape, name));
    HEARTH_TRY(const bool good, admits(places, child));
    if (!good) return false;
    HEARTH_TRY(const bool named, admits(shape.names, Json(name)));
    if (!named) return false;
  }
  return true;
}

Result<bool> Expander::admits_array(const Shape& shape, const Json& value) {
  if (value.size() < shape.items.min || value.size() > shape.items.max) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    HEARTH_TRY(const bool good, admits(element_places(shape, i), value[i]));
    if (!good) return false;
    if (shape.unique) HEARTH_CHECKED(WorkLimit::spend(i));
    for (std::size_t j = 0; shape.unique && j < i; ++j) {
      if (same_value(value[i], value[j])) return false;
    }
  }
  return true;
}

Result<bool> Expander::disjoint(const Conjunction& a, const Conjunction& b, int depth) {
  if (is_false(a) || is_false(b)) return true;
  if (depth > kMaxProofDepth || open_.size() > kMaxOpenExpansions || open_.contains(a) || open_.contains(b))
    return false;
  HEARTH_TRY(const Expansion left, expand(a));
  HEARTH_TRY(const Expansion right, expand(b));
  // A part of what a place allows proves nothing about the rest.
  if (!left.exact || !right.exact) return false;
  for (const Shape& x : left.shapes) {
    for (const Shape& y : right.shapes) {
      HEARTH_TRY(const bool apart, disjoint(x, y, depth));
      if (!apart) return false;
    }
  }
  return true;
}

/// Formats are left aside: a validator may take them as annotations.
Result<bool> Expander::disjoint(const Shape& a, const Shape& b, int depth) {
  HEARTH_CHECKED(WorkLimit::spend(1));
  const std::uint8_t shared = a.types & b.types;
  if (shared == 0) return true;
  if (a.values) return disjoint_values(a, b);
  if (b.values) return disjoint_values(b, a);
  if ((shared & (Types::null | Types::boolean)) != 0) return false;
  if ((shared & Types::number) != 0) {
    NumberLimits both = a.limits;
    if (b.limits.lower) both.raise(*b.limits.lower);
    if (b.limits.upper) both.reduce(*b.limits.upper);
    if (!both.lower || !both.upper) return false;
    const int order = compare(both.lower->value, both.upper->value);
    if (order < 0 || (order == 0 && !both.lower->exclusive && !both.upper->exclusive)) return false;
  }
  if ((shared & Types::string) != 0) {
    Shape both = a;
    both.length.meet(b.length);
    both.formats.clear();
    both.patterns.insert(both.patterns.end(), b.patterns.begin(), b.patterns.end());
    both.not_patterns.insert(both.not_patterns.end(), b.not_patterns.begin(), b.not_patterns.end());
    if (both.length.min <= both.length.max) {
      const auto language = string_language(both, /*with_length=*/false);
      if (!language || !*language || !(*language)->empty()) return false;
    }
  }
  if ((shared & Types::array) != 0) {
    const std::uint64_t least = std::max(a.items.min, b.items.min);
    bool apart = least > std::min(a.items.max, b.items.max);
    for (std::size_t i = 0; i < std::min<std::uint64_t>(least, 8) && !apart; ++i) {
      HEARTH_TRY(apart, disjoint(element_places(a, i), element_places(b, i), depth + 1));
    }
    if (!apart) return false;
  }
  if ((shared & Types::object) == 0) return true;
  return disjoint_objects(a, b, depth);
}

Result<bool> Expander::disjoint_values(const Shape& with_values, const Shape& other) {
  for (const Json* value : *with_values.values) {
    // "Not certainly allowed" is "not allowed" only where nothing nested was approximated.
    if (value->is_structured()) return false;
    HEARTH_TRY(const bool own, admits(with_values, *value));
    if (!own && with_values.formats.empty()) continue;
    Shape plain = other;
    plain.formats.clear();
    HEARTH_TRY(const bool also, admits(plain, *value));
    if (also) return false;
  }
  return true;
}

/// A property that one demands and that the other forbids or gives other values.
Result<bool> Expander::disjoint_objects(const Shape& a, const Shape& b, int depth) {
  if (std::max(a.properties.min, b.properties.min) > std::min(a.properties.max, b.properties.max)) return true;
  std::vector<std::string> names = a.required;
  names.insert(names.end(), b.required.begin(), b.required.end());
  for (const std::string& name : names) {
    HEARTH_TRY(const Conjunction left, property_places(a, name));
    HEARTH_TRY(const Conjunction right, property_places(b, name));
    HEARTH_TRY(const bool apart, disjoint(left, right, depth + 1));
    if (apart) return true;
  }
  return false;
}

}  // namespace hearth::engine
