// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "automaton.hpp"
#include "schema_document.hpp"
#include "schema_number.hpp"

namespace hearth::engine {

/// Places that a value must satisfy all of; sorted, without repeats. Empty: any value.
using Conjunction = std::vector<SchemaRef>;
Conjunction conjunction_of(std::vector<SchemaRef> places);

/// The kinds of JSON values, as a bit set. A number is integral or fractional.
struct Types {
  enum Bit : std::uint8_t { null = 1, boolean = 2, object = 4, array = 8, fractional = 16, integer = 32, string = 64 };
  static constexpr std::uint8_t all = 127;
  static constexpr std::uint8_t number = fractional | integer;
};

/// One alternative of what a place allows: no anyOf, $ref or not is left at this level.
struct Shape {
  static constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
  struct Count {
    std::uint64_t min = 0;
    std::uint64_t max = kUnbounded;
    void meet(Count other);
  };
  struct ObjectPart {  // of one schema: additionalProperties speaks of what its siblings left over
    const Json* properties = nullptr;
    std::vector<std::pair<std::string, const Json*>> patterns;
    const Json* additional = nullptr;
  };
  struct ArrayPart {
    std::vector<const Json*> prefix;
    const Json* items = nullptr;
  };

  std::uint8_t types = Types::all;
  std::optional<std::vector<const Json*>> values;  // enum and const: one of these
  std::vector<const Json*> excluded;               // none of these
  // strings
  Count length;
  std::vector<std::string> patterns;
  std::vector<std::string> not_patterns;
  std::vector<std::string> formats;
  // numbers
  NumberLimits limits;
  // objects
  std::vector<ObjectPart> objects;
  std::vector<std::string> required;  // in order of mention
  Count properties;
  bool optional_count = false;  // leave the shape out, rather than fail, where `properties.min` cannot be counted
  Conjunction names;
  // arrays
  std::vector<ArrayPart> arrays;
  Count items;
  bool unique = false;
};

struct Expansion {
  std::vector<Shape> shapes;
  /// Set if the shapes together allow exactly what the places do; else they allow a part of it (what a negation could
  /// not describe is left out).
  bool exact = true;
};

/// Turns places of one document into shapes. Errors name keyword and pointer. Owned by one conversion.
class Expander {
 public:
  explicit Expander(SchemaDocument& document) : document_{document} {}

  Result<Expansion> expand(const Conjunction& places);
  [[nodiscard]] SchemaDocument& document() { return document_; }

  /// Where the value of property `name` must be; of the element at `index`.
  [[nodiscard]] Result<Conjunction> property_places(const Shape& shape, const std::string& name);
  [[nodiscard]] static Conjunction element_places(const Shape& shape, std::size_t index);
  /// Whether the value certainly satisfies the places.
  Result<bool> admits(const Conjunction& places, const Json& value);
  Result<bool> admits(const Shape& shape, const Json& value);
  /// The whole-text automaton of a pattern (`search`) or a format; cached.
  Result<const Dfa*> pattern(const std::string& regex);
  /// Everything that restricts strings, but for values; nothing = unrestricted except by `length`.
  Result<std::optional<Dfa>> string_language(const Shape& shape, bool with_length);

 private:
  friend class KeywordReader;
  Result<bool> admits_object(const Shape& shape, const Json& value);
  Result<bool> admits_array(const Shape& shape, const Json& value);
  Result<bool> disjoint(const Conjunction& a, const Conjunction& b, int depth);
  Result<bool> disjoint(const Shape& a, const Shape& b, int depth);
  Result<bool> disjoint_objects(const Shape& a, const Shape& b, int depth);
  Result<bool> disjoint_values(const Shape& with_values, const Shape& other);

  SchemaDocument& document_;
  std::map<Conjunction, Expansion> expansions_;
  std::set<Conjunction> open_;  // being expanded: a disjointness proof may come back to them
  std::map<std::string, std::unique_ptr<Dfa>> patterns_;
};

/// Never accepts anything: `false`, or a place that is.
bool is_false(const Conjunction& places);

}  // namespace hearth::engine
