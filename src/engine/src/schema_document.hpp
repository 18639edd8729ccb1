// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "hearth/base/result.hpp"

namespace hearth::engine {

using Json = nlohmann::ordered_json;

/// A place in the schema that a value must satisfy or, negated, must not.
struct SchemaRef {
  const Json* node = nullptr;
  bool negated = false;
  auto operator<=>(const SchemaRef&) const = default;
};

/// The parsed schema, where its references lead, and the schemas that the conversion makes itself. One thread at a
/// time.
class SchemaDocument {
 public:
  /// `invalid_request` for text that is not JSON or not a schema, `payload_too_large` beyond the bounds.
  static Result<SchemaDocument> parse(std::string_view text);

  [[nodiscard]] const Json* root() const { return root_.get(); }
  /// The schema that a $ref at `from` means. Remote documents are `unsupported`.
  Result<const Json*> resolve(const Json* from, const std::string& reference) const;
  /// "#/properties/x": for messages.
  [[nodiscard]] std::string pointer_of(const Json* node) const;

  /// A schema made by the conversion: the same (origin, tag) gives the same node, so that recursion ends. It may use
  /// the keywords below, which no caller's schema can.
  const Json* made(const Json* origin, const std::string& tag, Json value);
  [[nodiscard]] bool is_made(const Json* node) const { return made_origin_.contains(node); }
  /// {kPlace: n} stands for the n-th place kept here.
  std::int64_t keep(SchemaRef place);
  [[nodiscard]] SchemaRef kept(std::int64_t index) const { return places_[static_cast<std::size_t>(index)]; }

  static constexpr const char* kPlace = "$hearth.place";
  static constexpr const char* kExcluded = "$hearth.excluded";              // values that it must not equal
  static constexpr const char* kManyProperties = "$hearth.manyProperties";  // minProperties, or nothing if uncountable
  static constexpr const char* kNotPattern = "$hearth.notPattern";          // a pattern that must not be found

 private:
  struct Place {
    std::string pointer;
    const Json* resource;  // the nearest schema with its own $id, or the root
  };
  void index(const Json& node, const std::string& pointer, const Json* resource, bool is_data);
  void index_names(const Json& node, const Json*& resource);
  const Json* made_from(const Json* key, const Json* origin, const std::string& tag, Json value);
  void remember_made(const Json& node, const Json* origin);

  std::unique_ptr<Json> root_;
  std::unordered_map<const Json*, Place> places_of_;
  std::map<std::string, const Json*> by_uri_;                           // absolute URI of a resource -> its schema
  std::unordered_map<const Json*, std::string> uri_;                    // the other way
  std::map<std::pair<const Json*, std::string>, const Json*> anchors_;  // (resource, name)
  std::deque<Json> made_;
  std::map<std::pair<const Json*, std::string>, const Json*> made_by_tag_;
  std::unordered_map<const Json*, const Json*> made_origin_;
  std::vector<SchemaRef> places_;
  std::map<SchemaRef, std::int64_t> place_index_;
};

/// JSON pointer escaping of one key.
std::string pointer_step(std::string_view key);

}  // namespace hearth::engine
