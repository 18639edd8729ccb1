// SPDX-License-Identifier: Apache-2.0
#include "tool_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace hearth::engine {
namespace {

using Json = nlohmann::json;

const Json* member(const Json& node, const char* name) {
  const auto it = node.is_object() ? node.find(name) : node.end();
  return it == node.end() ? nullptr : &*it;
}

/// As the converter reads a reference: parts between slashes, without escapes. Null: it refuses that itself.
const Json* target_of(const Json& root, std::string_view ref) {
  if (!ref.starts_with("#/")) return nullptr;
  const Json* at = &root;
  for (ref.remove_prefix(2);;) {
    const std::size_t slash = std::min(ref.find('/'), ref.size());
    const std::string_view part = ref.substr(0, slash);
    if (at->is_array()) {
      std::size_t index = at->size();
      std::from_chars(part.data(), part.data() + part.size(), index);
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else if (at = member(*at, std::string{part}.c_str()); at == nullptr) {
      return nullptr;
    }
    if (slash == ref.size()) return at;
    ref.remove_prefix(slash + 1);
  }
}

std::size_t depth_of(const Json& node) {
  std::size_t deepest = 0;
  if (node.is_structured()) {
    for (const Json& child : node) deepest = std::max(deepest, depth_of(child));
  }
  return deepest + 1;
}

/// Nodes of the converter's tree: several types are that many copies.
double nodes_of(const Json& node) {
  if (!node.is_structured()) return 0;
  double nodes = 1;
  for (const Json& child : node) nodes += nodes_of(child);
  const Json* type = member(node, "type");
  return type != nullptr && type->is_array() ? nodes * static_cast<double>(std::max<std::size_t>(1, type->size()))
                                             : nodes;
}

std::size_t groups_of(std::string_view pattern) {
  std::size_t open = 0;
  std::size_t deepest = 0;
  for (const char c : pattern) {
    if (c == '(') deepest = std::max(deepest, ++open);
    if (c == ')' && open > 0) --open;
  }
  return deepest;
}

class ToolSchema {
 public:
  ToolSchema(const Json& root, const std::string& param) : root_{root}, param_{param} {}

  Result<> check() {
    HEARTH_CHECKED(walk(root_));
    std::size_t depth = depth_of(root_);
    double nodes = nodes_of(root_);
    for (const std::string& ref : refs_) {
      const Json* target = target_of(root_, ref);
      if (target == nullptr) continue;
      if (leads_to_itself(ref)) return refuse("has a $ref that leads to nothing but itself");
      depth += depth_of(*target);
      nodes += nodes_of(*target);
    }
    if (depth > kMaxToolNesting) return refuse("nests too deeply through its $ref; inline or drop some");
    if (nodes > kMaxToolNodes) return refuse("repeats too much through lists of types and $ref; simplify it");
    return check_unions(root_);
  }

 private:
  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::invalid_request, fmt::format("{} {}", param_, what), param_);
  }

  Result<> walk(const Json& node) {
    if (node.is_object()) {
      for (const auto& [name, value] : node.items()) {
        if (name.size() > kMaxToolName) {
          return refuse(fmt::format("has a name of more than {} bytes", kMaxToolName));
        }
        if (name == "properties" && value.size() > kMaxToolProperties) {
          return refuse(fmt::format("has an object of more than {} properties", kMaxToolProperties));
        }
        if (name == "$ref" && value.is_string()) {
          const auto& ref = value.get_ref<const std::string&>();
          if (ref.size() > kMaxToolName) return refuse(fmt::format("has a $ref of more than {} bytes", kMaxToolName));
          refs_.insert(ref);
        }
        if (name == "pattern" && value.is_string() &&
            groups_of(value.get_ref<const std::string&>()) > kMaxToolPattern) {
          return refuse(fmt::format("has a pattern with more than {} nested groups", kMaxToolPattern));
        }
      }
    }
    if (!node.is_structured()) return {};
    for (const Json& child : node) HEARTH_CHECKED(walk(child));
    return {};
  }

  bool leads_to_itself(std::string ref) const {
    std::set<std::string> seen;
    while (seen.insert(ref).second) {
      const Json* target = target_of(root_, ref);
      const Json* next = target == nullptr ? nullptr : member(*target, "$ref");
      if (next == nullptr || !next->is_string()) return false;
      ref = next->get<std::string>();
    }
    return true;
  }

  Result<> check_unions(const Json& node) {
    if (!node.is_structured()) return {};
    if (node.is_object()) {
      steps_ = kMaxToolUnion;
      merged_ = 0;
      std::set<const Json*> path;
      if (!follow(node, path)) return refuse("has too many alternatives in one place, references followed; use fewer");
      if (merged_ > kMaxToolProperties && member(node, "allOf") != nullptr) {
        return refuse(fmt::format("has an allOf with more than {} properties", kMaxToolProperties));
      }
    }
    for (const Json& child : node) HEARTH_CHECKED(check_unions(child));
    return {};
  }

  /// The alternatives of a place, as often as the converter looks at them. False when they are too many.
  bool follow(const Json& node, std::set<const Json*>& path) {
    if (steps_-- == 0) return false;
    if (const Json* ref = member(node, "$ref"); ref != nullptr && ref->is_string()) {
      const Json* target = target_of(root_, ref->get<std::string>());
      if (target == nullptr || !path.insert(target).second) return true;
      const bool fine = follow(*target, path);
      path.erase(target);
      return fine;
    }
    if (const Json* properties = member(node, "properties")) merged_ += properties->size();
    for (const char* name : {"oneOf", "anyOf", "allOf"}) {
      const Json* list = member(node, name);
      if (list == nullptr || !list->is_array()) continue;
      for (const Json& child : *list) {
        if (!follow(child, path)) return false;
      }
    }
    return true;
  }

  const Json& root_;
  const std::string& param_;
  std::set<std::string> refs_;
  std::size_t steps_ = 0;
  std::size_t merged_ = 0;  // properties of all alternatives of a place
};

}  // namespace

Result<> check_tool_schema(const std::string& schema, const std::string& param) {
  if (schema.size() > kMaxToolSchemaBytes) {
    return fail(ErrorCode::payload_too_large, fmt::format("{} is longer than {} bytes", param, kMaxToolSchemaBytes),
                param);
  }
  const Json root = Json::parse(schema, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return fail(ErrorCode::invalid_request, fmt::format("{} is not valid JSON", param), param);
  return ToolSchema{root, param}.check();
}

}  // namespace hearth::engine
