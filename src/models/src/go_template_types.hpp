// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// What Ollama hands to a template, and where llama.cpp's Jinja context has the same.
namespace hearth::models::go {

enum class Type : std::uint8_t {
  any,
  text,
  boolean,
  integer,
  list,
  object,
  root,
  messages,
  message,
  tools,
  tool,
  function,
  parameters,
  properties,
  property,
  calls,
  call,
  called,
};

/// A translated expression: Jinja that needs no further parentheses, and what it yields.
struct Value {
  std::string code;
  Type type = Type::any;
};

struct Field {
  Type owner;
  std::string_view name;  // Go's
  std::string_view key;   // Jinja's
  Type type;
};

/// Of values inside the root. The root's own fields depend on the kind of template.
inline constexpr std::array kFields{
    Field{Type::message, "Role", "role", Type::text},
    Field{Type::message, "Content", "content", Type::text},
    Field{Type::message, "Thinking", "thinking", Type::text},
    Field{Type::message, "ToolCalls", "tool_calls", Type::calls},
    Field{Type::message, "ToolName", "tool_name", Type::text},
    Field{Type::message, "ToolCallID", "tool_call_id", Type::text},
    Field{Type::tool, "Type", "type", Type::text},
    Field{Type::tool, "Function", "function", Type::function},
    Field{Type::function, "Name", "name", Type::text},
    Field{Type::function, "Description", "description", Type::text},
    Field{Type::function, "Parameters", "parameters", Type::parameters},
    Field{Type::parameters, "Type", "type", Type::text},
    Field{Type::parameters, "Properties", "properties", Type::properties},
    Field{Type::parameters, "Required", "required", Type::list},
    Field{Type::property, "Type", "type", Type::any},
    Field{Type::property, "Description", "description", Type::text},
    Field{Type::property, "Enum", "enum", Type::list},
    Field{Type::property, "Items", "items", Type::any},
    Field{Type::call, "ID", "id", Type::text},
    Field{Type::call, "Function", "function", Type::called},
    Field{Type::called, "Name", "name", Type::text},
    Field{Type::called, "Arguments", "arguments", Type::any},
};

/// What `range` yields of a list or a map.
constexpr Type element_of(Type type) {
  switch (type) {
    case Type::messages: return Type::message;
    case Type::tools: return Type::tool;
    case Type::calls: return Type::call;
    case Type::properties: return Type::property;
    default: return Type::any;
  }
}
constexpr bool is_map(Type type) { return type == Type::properties || type == Type::object; }

std::string_view describe(Type type);

}  // namespace hearth::models::go
