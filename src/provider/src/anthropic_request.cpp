// SPDX-License-Identifier: Apache-2.0
#include "anthropic_request.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "hearth/base/text.hpp"
#include "sampling_fields.hpp"

namespace hearth::provider {
namespace {

using inference::ChatRequest;
using inference::Message;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("Anthropic's protocol cannot carry {}", what));
}

Json image_block(const inference::ImagePart& image) {
  if (image.bytes.empty()) return {{"type", "image"}, {"source", {{"type", "url"}, {"url", image.url}}}};
  return {
      {"type", "image"},
      {"source", {{"type", "base64"}, {"media_type", image.mime_type}, {"data", text::base64_encode(image.bytes)}}}};
}

Json blocks_of(const std::vector<inference::ContentPart>& content) {
  Json blocks = Json::array();
  for (const inference::ContentPart& part : content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      if (!text->text.empty()) blocks.push_back({{"type", "text"}, {"text", text->text}});  // empty blocks are refused
    } else {
      blocks.push_back(image_block(std::get<inference::ImagePart>(part)));
    }
  }
  return blocks;
}

Result<Json> message_blocks(const Message& message) {
  if (message.role == "tool") {
    Json result{
        {"type", "tool_result"}, {"tool_use_id", message.tool_call_id}, {"content", blocks_of(message.content)}};
    return Json::array({std::move(result)});
  }
  Json blocks = blocks_of(message.content);
  for (const inference::ToolCall& call : message.tool_calls) {
    Json input = parse_json(call.arguments.empty() ? "{}" : call.arguments);
    if (!input.is_object()) {
      return fail(ErrorCode::invalid_request, "the arguments of a tool call are no JSON object", "messages");
    }
    blocks.push_back({{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", std::move(input)}});
  }
  return blocks;
}

/// System messages apart; neighbours of one role in one message, as the API demands.
Result<> add_messages(const ChatRequest& request, Json& out) {
  Json system = Json::array();
  Json messages = Json::array();
  for (const Message& message : request.messages) {
    if (message.role == "system" || message.role == "developer") {
      for (Json& block : blocks_of(message.content)) system.push_back(std::move(block));
      continue;
    }
    const char* role = message.role == "assistant" ? "assistant" : "user";  // results of tools are the user's
    HEARTH_TRY(Json blocks, message_blocks(message));
    if (blocks.empty()) continue;
    if (!messages.empty() && messages.back()["role"] == role) {
      for (Json& block : blocks) messages.back()["content"].push_back(std::move(block));
    } else {
      messages.push_back({{"role", role}, {"content", std::move(blocks)}});
    }
  }
  if (system.empty() && !request.system_default.empty()) {
    system.push_back({{"type", "text"}, {"text", request.system_default}});
  }
  if (!system.empty()) out["system"] = std::move(system);
  out["messages"] = std::move(messages);
  return {};
}

Result<> add_tools(const ChatRequest& request, Json& out) {
  if (request.tools.empty()) return {};
  for (const inference::Tool& tool : request.tools) {
    Json schema = parse_json(tool.parameters);
    if (!schema.is_object()) return fail(ErrorCode::invalid_request, "a tool's parameters are no JSON object", "tools");
    if (!schema.contains("type")) schema["type"] = "object";  // "{}" means no arguments elsewhere, an error there
    Json json{{"name", tool.name}, {"input_schema", std::move(schema)}};
    if (!tool.description.empty()) json["description"] = tool.description;
    out["tools"].push_back(std::move(json));
  }
  using Mode = inference::ToolChoice::Mode;
  Json choice = Json::object();
  switch (request.tool_choice.mode) {
    case Mode::automatic: choice["type"] = "auto"; break;
    case Mode::none: choice["type"] = "none"; break;
    case Mode::required: choice["type"] = "any"; break;
    case Mode::named: choice = {{"type", "tool"}, {"name", request.tool_choice.name}}; break;
  }
  if (request.parallel_tool_calls == false && choice["type"] != "none") choice["disable_parallel_tool_use"] = true;
  if (choice.size() > 1 || choice["type"] != "auto") out["tool_choice"] = std::move(choice);
  return {};
}

Result<> add_sampling(const inference::Sampling& s, Json& out) {
  if (s.temperature) out["temperature"] = *s.temperature;
  if (s.top_p) out["top_p"] = *s.top_p;
  if (s.top_k && *s.top_k > 0) out["top_k"] = *s.top_k;
  constexpr std::array<std::string_view, 3> kCarried{"temperature", "top_p", "top_k"};
  if (const auto name = uncarried(s, kCarried)) return cannot(*name);
  return {};
}

Result<> add_generation(const inference::Generation& generation, Json& out) {
  out["max_tokens"] = generation.max_tokens.value_or(kAnthropicTokens);
  if (!generation.stop.empty()) out["stop_sequences"] = generation.stop;
  if (generation.n != 1) return cannot("n, several answers to one prompt");
  if (generation.logprobs) return cannot("logprobs");
  if (generation.time_limit) return cannot("a time limit for the answer");
  using Kind = inference::Constraint::Kind;
  if (generation.constraint.kind == Kind::json_schema) {
    Json schema = parse_json(generation.constraint.text);
    out["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", std::move(schema)}}}};
  } else if (generation.constraint.kind != Kind::none) {
    return cannot("a constraint other than a JSON Schema");
  }
  return add_sampling(generation.sampling, out);
}

Result<> add_thinking(const ChatRequest& request, Json& out) {
  const inference::Reasoning& reasoning = request.reasoning;
  if (!reasoning.effort.empty()) out["output_config"]["effort"] = reasoning.effort;
  if (!reasoning.enabled.value_or(false)) return {};
  // The budget must be below max_tokens and at least 1,024.
  constexpr std::int32_t kLeast = 1024;
  const std::int32_t most = out["max_tokens"].get<std::int32_t>();
  const std::int32_t budget = reasoning.budget_tokens.value_or(std::max(kLeast, most / 2));
  if (budget >= most) out["max_tokens"] = budget + most;
  out["thinking"] = {{"type", "enabled"}, {"budget_tokens", budget}};
  return {};
}

}  // namespace

Result<Json> anthropic_body(const ChatRequest& request) {
  if (!request.template_override.empty() || !request.template_arguments.empty()) return cannot("a chat template");
  Json out{{"model", request.model}, {"stream", true}};
  HEARTH_CHECKED(add_messages(request, out));
  HEARTH_CHECKED(add_tools(request, out));
  HEARTH_CHECKED(add_generation(request.generation, out));
  HEARTH_CHECKED(add_thinking(request, out));
  return out;
}

}  // namespace hearth::provider
