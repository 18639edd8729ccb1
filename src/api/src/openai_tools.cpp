// SPDX-License-Identifier: Apache-2.0
#include "openai_tools.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

using inference::Tool;
using inference::ToolChoice;
using Kind = JsonValue::Kind;

bool is_tool_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{"_-.:/"}.find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= kMaxToolName && std::ranges::all_of(name, fits);
}

void read_function(JsonReader& r, Tool& tool) {
  tool.name = r.required_string("name");
  if (!r.failed() && !is_tool_name(tool.name)) {
    r.fail("name", fmt::format("must have 1 to {} letters, digits, or any of _ - . : /", kMaxToolName));
  }
  tool.description = r.string("description").value_or("");
  tool.strict = r.boolean("strict").value_or(false);
  const auto parameters = r.value("parameters");
  if (parameters && !parameters->is(Kind::object)) parameters->fail("must be a JSON Schema of type object");
  tool.parameters = parameters ? parameters->raw() : "{}";
}

void read_tool(const JsonValue& value, ToolShape shape, std::vector<Tool>& out) {
  value.object([&](JsonReader& r) {
    const std::string type = r.required_string("type");
    r.ignore({"cache_control"});
    if (!r.failed() && type != "function") {
      return r.fail("type", fmt::format("'{}' is not supported; only function tools are", type),
                    ErrorCode::unsupported);
    }
    Tool tool;
    if (shape == ToolShape::responses) {
      read_function(r, tool);
    } else if (!r.object("function", [&](JsonReader& f) { read_function(f, tool); })) {
      r.fail("function", "is required");
    }
    const bool twice = std::ranges::any_of(out, [&](const Tool& t) { return t.name == tool.name; });
    if (twice) r.fail("name", fmt::format("'{}' names two tools", tool.name));
    out.push_back(std::move(tool));
  });
}

void read_choice_word(const JsonValue& value, ToolChoice& out) {
  const std::string_view word = value.view();
  if (word == "auto") {
    out.mode = ToolChoice::Mode::automatic;
  } else if (word == "none") {
    out.mode = ToolChoice::Mode::none;
  } else if (word == "required" || word == "any") {
    out.mode = ToolChoice::Mode::required;
  } else {
    value.fail("must be auto, none, required or an object that names a function");
  }
}

void read_choice_object(const JsonValue& value, ToolShape shape, ToolChoice& out) {
  value.object([&](JsonReader& r) {
    const std::string type = r.required_string("type");
    if (!r.failed() && type != "function") {
      return r.fail("type", fmt::format("'{}' is not supported; use function", type), ErrorCode::unsupported);
    }
    out.mode = ToolChoice::Mode::named;
    if (shape == ToolShape::responses) {
      out.name = r.required_string("name");
    } else if (!r.object("function", [&](JsonReader& f) { out.name = f.required_string("name"); })) {
      r.fail("function", "is required");
    }
  });
}

}  // namespace

void read_tools(JsonReader& r, ToolShape shape, inference::ChatRequest& out) {
  r.each("tools", kMaxTools, [&](const JsonValue& tool) { read_tool(tool, shape, out.tools); });
  r.read("parallel_tool_calls", out.parallel_tool_calls);
  const auto choice = r.value("tool_choice");
  if (!choice) return;
  if (choice->is(Kind::string)) {
    read_choice_word(*choice, out.tool_choice);
  } else {
    read_choice_object(*choice, shape, out.tool_choice);
  }
  const bool needs =
      out.tool_choice.mode == ToolChoice::Mode::required || out.tool_choice.mode == ToolChoice::Mode::named;
  if (needs && out.tools.empty()) choice->fail("asks for a tool, but tools is empty");
  const auto has = [&](const Tool& t) { return t.name == out.tool_choice.name; };
  if (out.tool_choice.mode == ToolChoice::Mode::named && !std::ranges::any_of(out.tools, has)) {
    choice->fail(fmt::format("names '{}', which is not one of the tools", out.tool_choice.name));
  }
}

void read_named_schema(JsonReader& r, std::string_view name, inference::Constraint& out) {
  r.ignore({"name", "description", "strict"});
  const auto schema = r.value("schema");
  if (!schema) return r.fail("schema", "is required");
  if (!schema->is(Kind::object) && !schema->is(Kind::boolean)) return schema->fail("must be a JSON Schema");
  set_constraint(r, name, out, {inference::Constraint::Kind::json_schema, schema->raw(), {}});
}

}  // namespace hearth::api::openai
