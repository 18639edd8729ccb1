// SPDX-License-Identifier: Apache-2.0
#include "schema_document.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

/// Nesting of the text, without parsing it: the parser and everything after it recurse no deeper.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

bool has_scheme(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  return colon != std::string_view::npos && colon < uri.find_first_of("/?#");
}

/// RFC 3986 section 5.2 without dot segments, which schema ids hardly use: those simply do not resolve.
std::string resolve_uri(const std::string& base, const std::string& reference) {
  if (reference.empty()) return base;
  if (has_scheme(reference) || base.empty()) return reference;
  const std::size_t scheme_end = base.find(':');
  const bool hierarchical = base.compare(scheme_end + 1, 2, "//") == 0;
  if (reference.starts_with("//")) return base.substr(0, scheme_end + 1) + reference;
  const std::size_t path = hierarchical ? std::min(base.find('/', scheme_end + 3), base.size()) : scheme_end + 1;
  if (reference.starts_with('/')) return base.substr(0, path) + reference;
  const std::size_t slash = base.rfind('/');
  if (slash == std::string::npos || slash < path) return base.substr(0, path) + '/' + reference;
  return base.substr(0, slash + 1) + reference;
}

std::string percent_decoded(std::string_view text) {
  const auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && nibble(text[i + 1]) >= 0 && nibble(text[i + 2]) >= 0) {
      out += static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string without_empty_fragment(std::string uri) {
  if (uri.ends_with('#')) uri.pop_back();
  return uri;
}

/// nullptr where the pointer leads nowhere.
const Json* follow(const Json* node, std::string_view pointer) {
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string key{pointer.substr(1, end - 1)};
    for (const auto& [escaped, plain] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
      for (std::size_t at = 0; (at = key.find(escaped, at)) != std::string::npos; ++at) key.replace(at, 2, plain);
    }
    pointer.remove_prefix(end);
    if (node->is_object()) {
      const auto it = node->find(key);
      if (it == node->end()) return nullptr;
      node = &*it;
    } else if (node->is_array()) {
      const bool number = !key.empty() && key.size() < 7 && key.find_first_not_of("0123456789") == std::string::npos;
      if (!number || std::stoul(key) >= node->size()) return nullptr;
      node = &(*node)[std::stoul(key)];
    } else {
      return nullptr;
    }
  }
  return node;
}

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Result<SchemaDocument> SchemaDocument::parse(std::string_view text) {
  if (text.size() > kMaxSchemaBytes) {
    return fail(ErrorCode::payload_too_large, fmt::format("the JSON Schema is longer than {} bytes", kMaxSchemaBytes));
  }
  if (nesting(text) > kMaxSchemaDepth) {
    return fail(ErrorCode::invalid_request,
                fmt::format("the JSON Schema nests deeper than {} levels; use $defs and $ref", kMaxSchemaDepth));
  }
  SchemaDocument document;
  try {
    document.root_ = std::make_unique<Json>(Json::parse(text));
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::invalid_request, "the JSON Schema is not valid JSON");
  }
  document.uri_[document.root_.get()] = "";
  document.index(*document.root_, "#", document.root_.get(), /*is_data=*/false);
  return document;
}

void SchemaDocument::index_names(const Json& node, const Json*& resource) {
  const auto text_of = [&node](const char* keyword) -> const std::string* {
    const auto it = node.find(keyword);
    return it != node.end() && it->is_string() ? it->get_ptr<const std::string*>() : nullptr;
  };
  for (const char* keyword : {"$id", "id"}) {
    const std::string* id = text_of(keyword);
    if (id == nullptr) continue;
    if (id->starts_with('#')) {  // how drafts 4 to 7 wrote anchors
      anchors_.try_emplace({resource, id->substr(1)}, &node);
    } else if (std::string_view{keyword} == "$id") {
      const std::string uri = resolve_uri(uri_[resource], without_empty_fragment(*id));
      resource = &node;
      uri_[resource] = uri;
      by_uri_.try_emplace(uri, &node);
    }
  }
  for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
    if (const std::string* anchor = text_of(keyword)) anchors_.try_emplace({resource, *anchor}, &node);
  }
}

void SchemaDocument::index(const Json& node, const std::string& pointer, const Json* resource, bool is_data) {
  if (node.is_object()) {
    if (!is_data) index_names(node, resource);
    for (const auto& [key, value] : node.items()) {
      const bool data = is_data || key == "enum" || key == "const" || key == "default" || key == "examples";
      index(value, pointer + pointer_step(key), resource, data);
    }
  } else if (node.is_array()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      index(node[i], pointer + '/' + std::to_string(i), resource, is_data);
    }
  }
  places_of_[&node] = {pointer, resource};
}

Result<const Json*> SchemaDocument::resolve(const Json* from, const std::string& reference) const {
  const std::string where = pointer_of(from);
  const auto origin = made_origin_.find(from);
  const Json* resource = places_of_.at(origin == made_origin_.end() ? from : origin->second).resource;
  const std::size_t hash = std::min(reference.find('#'), reference.size());
  const std::string fragment = hash < reference.size() ? percent_decoded(reference.substr(hash + 1)) : std::string{};
  if (hash > 0) {
    const std::string uri = resolve_uri(uri_.at(resource), reference.substr(0, hash));
    const auto it = by_uri_.find(uri);
    if (it == by_uri_.end()) {
      return fail(
          ErrorCode::unsupported,
          fmt::format("JSON Schema keyword \"$ref\" at {} refers to \"{}\", which is not in this schema; copy it "
                      "into $defs",
                      where, reference));
    }
    resource = it->second;
  }
  const Json* target = resource;
  if (!fragment.empty() && fragment.front() != '/') {
    const auto it = anchors_.find({resource, fragment});
    target = it == anchors_.end() ? nullptr : it->second;
  } else {
    target = follow(resource, fragment);
  }
  if (target == nullptr || !(target->is_object() || target->is_boolean())) {
    return fail(
        ErrorCode::invalid_request,
        fmt::format("JSON Schema keyword \"$ref\" at {} refers to \"{}\", where there is no schema", where, reference));
  }
  return target;
}

std::string SchemaDocument::pointer_of(const Json* node) const {
  const auto made = made_origin_.find(node);
  const auto it = places_of_.find(made == made_origin_.end() ? node : made->second);
  return it == places_of_.end() ? "#" : it->second.pointer;
}

const Json* SchemaDocument::made(const Json* origin, const std::string& tag, Json value) {
  if (const auto made = made_origin_.find(origin); made != made_origin_.end()) {
    return made_from(origin, made->second, tag, std::move(value));
  }
  return made_from(origin, origin, tag, std::move(value));
}

const Json* SchemaDocument::made_from(const Json* key, const Json* origin, const std::string& tag, Json value) {
  const auto [it, added] = made_by_tag_.try_emplace({key, tag}, nullptr);
  if (added) {
    made_.push_back(std::move(value));
    it->second = &made_.back();
    remember_made(made_.back(), origin);
  }
  return it->second;
}

/// Also the parts inside: `properties` of a made schema hold schemas of their own.
void SchemaDocument::remember_made(const Json& node, const Json* origin) {
  made_origin_[&node] = origin;
  if (node.is_structured()) {
    for (const Json& child : node) remember_made(child, origin);
  }
}

std::int64_t SchemaDocument::keep(SchemaRef place) {
  const auto [it, added] = place_index_.try_emplace(place, static_cast<std::int64_t>(places_.size()));
  if (added) places_.push_back(place);
  return it->second;
}

}  // namespace hearth::engine
