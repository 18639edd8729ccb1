// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxTools = 1'024;
inline constexpr std::size_t kMaxToolName = 128;

/// How a tool is written: chat nests it in `function`, the Responses API does not.
enum class ToolShape : std::uint8_t { chat, responses };

/// `tools`, `tool_choice` and `parallel_tool_calls`. A named choice must be one of the tools.
void read_tools(JsonReader& r, ToolShape shape, inference::ChatRequest& out);

/// A JSON Schema in an object {name, schema, strict, description}: response_format.json_schema and text.format.
void read_named_schema(JsonReader& r, std::string_view name, inference::Constraint& out);

}  // namespace hearth::api::openai
