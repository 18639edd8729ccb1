// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string_view>
#include <unordered_set>

#include "schema_keywords.hpp"

namespace hearth::engine {

bool is_annotation(const std::string& keyword) {
  static const std::unordered_set<std::string_view> known{
      // JSON Schema, all drafts: locations, metadata, content, hyper-schema
      "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "definitions", "$vocabulary", "title",
      "description", "default", "deprecated", "readOnly", "writeOnly", "examples", "contentEncoding",
      "contentMediaType", "contentSchema", "links", "base", "media", "$license", "$default", "$source",
      // OpenAPI 3
      "example", "externalDocs", "xml", "discriminator",
      // editors and form generators
      "markdownDescription", "enumDescriptions", "markdownEnumDescriptions", "enumNames", "defaultSnippets",
      "deprecationMessage", "errorMessage", "doNotSuggest", "order", "propertyOrder", "preferredOrder", "options",
      "hidden", "readonly", "readOnlyMessage", "ui", "widget", "placeholder", "label", "name", "category", "tags",
      "collapsed", "overridable", "form", "help", "headerTemplate", "displayName", "icon", "group", "comment", "unit",
      // code generators and registries
      "javaType", "javaName", "javaInterfaces", "javaEnumNames", "extendsJavaClass", "existingJavaType", "customTypes",
      "tsType", "goType", "tsEnumNames", "self", "version", "author", "authors", "license", "stability", "since",
      "vendor", "revision", "date", "namespace", "faker", "chance", "sample", "additionalInformation", "info", "see",
      "source", "sources", "references", "todo", "TODO", "note", "notes", "documentation", "esriDocumentation"};
  // By convention private to a tool: OpenAPI's x-, and leading underscores.
  return known.contains(keyword) || keyword.starts_with("x-") || keyword.starts_with("x_") || keyword.starts_with('_');
}

}  // namespace hearth::engine
