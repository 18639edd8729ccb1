// SPDX-License-Identifier: Apache-2.0
#include "schema_shape.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"
#include "regex_grammar.hpp"
#include "schema_format.hpp"
#include "schema_keywords.hpp"
#include "work_limit.hpp"

namespace hearth::engine {

Conjunction conjunction_of(std::vector<SchemaRef> places) {
  std::erase_if(places, [](SchemaRef p) {  // `true`, and an empty schema
    const bool everything = p.node->is_boolean() ? p.node->get<bool>() : p.node->is_object() && p.node->empty();
    return everything && !p.negated;
  });
  std::ranges::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

bool is_false(const Conjunction& places) {
  return std::ranges::any_of(places, [](SchemaRef p) {
    return p.node->is_boolean() ? p.node->get<bool>() == p.negated : p.negated && p.node->empty();
  });
}

void Shape::Count::meet(Count other) {
  min = std::max(min, other.min);
  max = std::min(max, other.max);
}

namespace {

/// Takes away the types that the branch has already made impossible.
void prune(Shape& shape) {
  if (shape.length.min > shape.length.max) shape.types &= ~Types::string;
  if (shape.items.min > shape.items.max) shape.types &= ~Types::array;
  if (shape.properties.min > shape.properties.max) shape.types &= ~Types::object;
  for (const Shape::ObjectPart& part : shape.objects) {
    for (const std::string& name : shape.required) {
      if (part.properties == nullptr) break;
      const auto it = part.properties->find(name);
      if (it != part.properties->end() && it->is_boolean() && !it->get<bool>()) shape.types &= ~Types::object;
    }
  }
}

}  // namespace

Result<Expansion> Expander::expand(const Conjunction& places) {
  if (const auto it = expansions_.find(places); it != expansions_.end()) return it->second;
  if (is_false(places)) return Expansion{};
  open_.insert(places);
  Expansion out;
  std::vector<Branch> branches(1);
  branches.front().todo = places;
  std::size_t steps = 0;
  while (!branches.empty()) {
    Branch branch = std::move(branches.back());
    branches.pop_back();
    while (!branch.todo.empty()) {
      const SchemaRef next = branch.todo.back();
      branch.todo.pop_back();
      if (!branch.seen.insert(next).second) continue;
      HEARTH_CHECKED(KeywordReader(*this, branch, out.exact).read(next));
    }
    prune(branch.shape);
    if (branch.shape.types == 0) continue;
    if (branch.choices.empty()) {
      out.shapes.push_back(std::move(branch.shape));
    } else {
      const auto least = std::ranges::min_element(branch.choices, {}, [](const auto& c) { return c.size(); });
      const std::vector<Alternative> alternatives = std::move(*least);
      branch.choices.erase(least);
      for (std::size_t i = alternatives.size(); i-- > 0;) {
        Branch taken = branch;
        taken.todo = alternatives[i];
        branches.push_back(std::move(taken));
      }
    }
    HEARTH_CHECKED(WorkLimit::spend(branch.seen.size() + 16));
    if (++steps > kMaxSchemaAlternatives * 4 || out.shapes.size() > kMaxSchemaAlternatives) {
      return fail(ErrorCode::unsupported,
                  fmt::format("JSON Schema at {} multiplies out to more than {} alternatives (anyOf, oneOf, if, not); "
                              "simplify it",
                              document_.pointer_of(places.front().node), kMaxSchemaAlternatives));
    }
  }
  open_.erase(places);
  return expansions_[places] = std::move(out);
}

Result<const Dfa*> Expander::pattern(const std::string& regex) {
  auto& slot = patterns_[regex];
  if (!slot) {
    HEARTH_TRY(Dfa dfa, regex_to_dfa(regex, RegexMatch::search));
    slot = std::make_unique<Dfa>(std::move(dfa));
  }
  return slot.get();
}

Result<std::optional<Dfa>> Expander::string_language(const Shape& shape, bool with_length) {
  std::optional<Dfa> out;
  const auto apply = [&out](const Dfa& dfa, SetOperation operation) -> Result<> {
    HEARTH_TRY(out, combine(out ? *out : Dfa::everything(), dfa, operation));
    return {};
  };
  for (const std::string& regex : shape.patterns) {
    HEARTH_TRY(const Dfa* dfa, pattern(regex));
    HEARTH_CHECKED(apply(*dfa, SetOperation::intersect));
  }
  for (const std::string& format : shape.formats) {
    const auto language = format_language(format);
    if (!language) continue;
    if (!*language) return fail(language->error());
    HEARTH_CHECKED(apply(**language, SetOperation::intersect));
  }
  for (const std::string& regex : shape.not_patterns) {
    HEARTH_TRY(const Dfa* dfa, pattern(regex));
    HEARTH_CHECKED(apply(*dfa, SetOperation::subtract));
  }
  std::vector<std::u32string> excluded;
  for (const Json* value : shape.excluded) {
    if (value->is_string()) excluded.push_back(to_code_points(value->get_ref<const std::string&>()).value_or(U""));
  }
  if (!excluded.empty()) {
    HEARTH_TRY(const Dfa dfa, Dfa::of_literals(excluded));
    HEARTH_CHECKED(apply(dfa, SetOperation::subtract));
  }
  Shape::Count length = shape.length;
  const auto longest = out ? out->longest() : std::nullopt;
  if (longest && *longest <= length.max) length.max = Shape::kUnbounded;
  if (with_length && (length.min > 0 || length.max != Shape::kUnbounded)) {
    HEARTH_TRY(const Dfa dfa, Dfa::of_length(length.min, length.max));
    HEARTH_CHECKED(apply(dfa, SetOperation::intersect));
  }
  return out;
}

Result<Conjunction> Expander::property_places(const Shape& shape, const std::string& name) {
  std::vector<SchemaRef> places;
  const auto text = to_code_points(name);
  for (const Shape::ObjectPart& part : shape.objects) {
    bool spoken_for = false;
    if (part.properties != nullptr) {
      if (const auto it = part.properties->find(name); it != part.properties->end()) {
        places.push_back({&*it, false});
        spoken_for = true;
      }
    }
    for (const auto& [regex, schema] : part.patterns) {
      HEARTH_TRY(const Dfa* dfa, pattern(regex));
      if (!text || !dfa->accepts(*text)) continue;
      places.push_back({schema, false});
      spoken_for = true;
    }
    if (!spoken_for && part.additional != nullptr) places.push_back({part.additional, false});
  }
  return conjunction_of(std::move(places));
}

Conjunction Expander::element_places(const Shape& shape, std::size_t index) {
  std::vector<SchemaRef> places;
  for (const Shape::ArrayPart& part : shape.arrays) {
    if (index < part.prefix.size()) {
      places.push_back({part.prefix[index], false});
    } else if (part.items != nullptr) {
      places.push_back({part.items, false});
    }
  }
  return conjunction_of(std::move(places));
}

}  // namespace hearth::engine
