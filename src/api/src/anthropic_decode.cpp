// SPDX-License-Identifier: Apache-2.0
#include "anthropic_decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "anthropic_content.hpp"
#include "json_reader.hpp"

namespace hearth::api::anthropic {
namespace {

using inference::ChatRequest;
using inference::ToolChoice;
using Kind = JsonValue::Kind;
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

void read_tool(const JsonValue& value, std::vector<inference::Tool>& out) {
  value.object([&](JsonReader& r) {
    const std::string type = r.string("type").value_or("custom");
    if (type != "custom") {
      return r.fail("type",
                    fmt::format("'{}' is a server tool, and this server runs none; send a tool with an "
                                "input_schema and run it yourself",
                                type),
                    ErrorCode::unsupported);
    }
    r.ignore({"cache_control", "eager_input_streaming"});
    r.refuse("input_examples", "is not supported: put examples into the description");
    if (r.boolean("defer_loading").value_or(false)) r.fail("defer_loading", "is not supported", ErrorCode::unsupported);
    if (const auto callers = r.strings("allowed_callers", 8);
        callers && *callers != std::vector<std::string>{"direct"}) {
      r.fail("allowed_callers", "can only be [\"direct\"] here", ErrorCode::unsupported);
    }
    inference::Tool tool;
    tool.name = r.required_string("name");
    if (tool.name.empty()) r.fail("name", "must not be empty");
    tool.description = r.string("description").value_or("");
    tool.strict = r.boolean("strict").value_or(false);
    const auto schema = r.value("input_schema");
    if (!schema || !schema->is(Kind::object)) return r.fail("input_schema", "is required and must be an object");
    tool.parameters = schema->raw();
    out.push_back(std::move(tool));
  });
}

void read_tool_choice(JsonReader& r, ChatRequest& out) {
  r.object("tool_choice", [&](JsonReader& choice) {
    const std::string type = choice.one_of("type", {"auto", "any", "tool", "none"}).value_or("");
    if (type.empty()) choice.fail("type", "is required: auto, any, tool or none");
    if (const auto single = choice.boolean("disable_parallel_tool_use")) out.parallel_tool_calls = !*single;
    if (type == "any") out.tool_choice.mode = ToolChoice::Mode::required;
    if (type == "none") out.tool_choice.mode = ToolChoice::Mode::none;
    if (type == "tool") {
      out.tool_choice.mode = ToolChoice::Mode::named;
      out.tool_choice.name = choice.required_string("name");
      const bool known = std::ranges::any_of(out.tools, [&](const auto& t) { return t.name == out.tool_choice.name; });
      if (!known) choice.fail("name", "is none of the tools of this request");
    }
    if ((type == "any" || type == "tool") && out.tools.empty()) {
      choice.fail("type", fmt::format("'{}' needs tools", type));
    }
  });
}

void read_thinking(JsonReader& r, ChatRequest& out) {
  r.object("thinking", [&](JsonReader& thinking) {
    const std::string type = thinking.one_of("type", {"enabled", "disabled", "adaptive"}).value_or("");
    if (type.empty()) thinking.fail("type", "is required: enabled, disabled or adaptive");
    if (type == "enabled") {
      out.reasoning.enabled = true;
      thinking.read("budget_tokens", out.reasoning.budget_tokens, 1, kMaxInt);
      if (!out.reasoning.budget_tokens) thinking.fail("budget_tokens", "is required when thinking is enabled");
      if (out.generation.max_tokens && out.reasoning.budget_tokens >= out.generation.max_tokens) {
        thinking.fail("budget_tokens", "must be less than max_tokens");
      }
    }
    if (type == "disabled") out.reasoning.enabled = false;
    if (thinking.one_of("display", {"summarized", "omitted"}) == "omitted") {
      thinking.fail("display", "'omitted' is not supported: thinking is always sent", ErrorCode::unsupported);
    }
  });
}

void read_output_config(JsonReader& r, ChatRequest& out) {
  r.object("output_config", [&](JsonReader& config) {
    if (const auto effort = config.one_of("effort", {"low", "medium", "high", "xhigh", "max"})) {
      if (*effort == "xhigh" || *effort == "max") {
        config.fail("effort", "goes up to high here", ErrorCode::unsupported);
      }
      out.reasoning.effort = *effort;
    }
    config.object("format", [&](JsonReader& format) {
      if (!format.one_of("type", {"json_schema"})) format.fail("type", "is required: json_schema");
      const auto schema = format.value("schema");
      if (!schema || !schema->is(Kind::object)) return format.fail("schema", "is required and must be an object");
      out.generation.constraint = {
          .kind = inference::Constraint::Kind::json_schema, .text = schema->raw(), .choices = {}};
    });
  });
}

/// What count_tokens and messages have in common. After max_tokens was read: thinking is checked against it. True when
/// all thinking in it has the seal of who thought it, without which Anthropic takes none back.
bool read_chat(JsonReader& r, ChatRequest& out) {
  out.model = r.required_string("model");
  if (out.model.empty()) r.fail("model", "must not be empty");
  ContentReader content{out.messages};
  if (const auto system = r.value("system")) content.system(*system);
  if (!r.each("messages", kMaxMessages, [&](const JsonValue& item) { content.message(item); })) {
    r.fail("messages", "is required");
  }
  if (out.messages.empty() && !r.passed_over()) r.fail("messages", "must not be empty");
  r.each("tools", kMaxTools, [&](const JsonValue& item) { read_tool(item, out.tools); });
  read_tool_choice(r, out);
  read_thinking(r, out);
  read_output_config(r, out);
  r.ignore({"cache_control", "metadata", "service_tier", "user_profile_id", "workspace_id"});
  if (const auto speed = r.one_of("speed", {"standard", "fast"}); speed == "fast") {
    r.fail("speed", "'fast' is not supported", ErrorCode::unsupported);
  }
  if (!out.messages.empty() && out.messages.back().role == "assistant") {
    out.continue_final_message = true;
    out.add_generation_prompt = false;
  }
  return content.sealed();
}

void read_generation(JsonReader& r, inference::Generation& out) {
  r.read("max_tokens", out.max_tokens, 1, kMaxInt);
  if (!out.max_tokens) r.fail("max_tokens", "is required");
  r.read("temperature", out.sampling.temperature, 0, 1);
  r.read("top_p", out.sampling.top_p, 0, 1);
  r.read("top_k", out.sampling.top_k, 0, kMaxInt);
  if (auto stops = r.strings("stop_sequences", inference::kMaxStops)) out.stop = std::move(*stops);
  if (std::ranges::any_of(out.stop, &std::string::empty)) r.fail("stop_sequences", "must not hold an empty string");
}

}  // namespace

Result<MessagesRequest> decode_messages(std::string_view body) {
  HEARTH_TRY(JsonDocument document, JsonDocument::parse(body));
  MessagesRequest out;
  HEARTH_TRY(out.beyond, document.read_leniently([&](JsonReader& r) {
    read_generation(r, out.chat.generation);
    out.sealed = read_chat(r, out.chat);
    out.stream = r.boolean("stream").value_or(false);
  }));
  return out;
}

Result<ChatRequest> decode_count_tokens(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  ChatRequest out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_chat(r, out); }));
  return out;
}

}  // namespace hearth::api::anthropic
