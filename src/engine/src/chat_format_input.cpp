// SPDX-License-Identifier: Apache-2.0
#include "chat_format_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "tool_schema.hpp"

namespace hearth::engine {
namespace {

using inference::ChatRequest;
using inference::ToolChoice;

Result<common_json> parse_json(const std::string& text, const std::string& param) {
  if (json_nesting(text) > kMaxJsonNesting) {
    return fail(ErrorCode::invalid_request, fmt::format("{} is nested deeper than {} levels", param, kMaxJsonNesting),
                param);
  }
  try {
    return common_json::parse(text);
  } catch (const std::exception&) {
    return fail(ErrorCode::invalid_request, fmt::format("{} is not valid JSON", param), param);
  }
}

Result<std::vector<common_chat_msg_content_part>> text_parts(const inference::Message& message, std::size_t index) {
  std::vector<common_chat_msg_content_part> parts;
  for (std::size_t i = 0; i < message.content.size(); ++i) {
    const auto* text = std::get_if<inference::TextPart>(&message.content[i]);
    if (text == nullptr) {
      const std::string param = fmt::format("messages[{}].content[{}]", index, i);
      return fail(ErrorCode::unsupported, param + " is an image; this model takes text only", param);
    }
    parts.push_back({"text", text->text});
  }
  return parts;
}

Result<common_chat_msg> to_message(const inference::Message& message, std::size_t index) {
  if (message.role.empty()) {
    const std::string param = fmt::format("messages[{}].role", index);
    return fail(ErrorCode::invalid_request, param + " is empty", param);
  }
  if (!message.tool_calls.empty() && message.role != "assistant") {
    const std::string param = fmt::format("messages[{}].tool_calls", index);
    return fail(ErrorCode::invalid_request, param + ": only a message of the assistant can have tool calls", param);
  }
  common_chat_msg out;
  out.role = message.role;
  out.reasoning_content = message.reasoning;
  out.tool_call_id = message.tool_call_id;
  out.tool_name = message.tool_name;
  HEARTH_TRY(auto parts, text_parts(message, index));
  if (parts.size() == 1) {
    out.content = std::move(parts.front().text);
  } else {
    out.content_parts = std::move(parts);
  }
  for (std::size_t i = 0; i < message.tool_calls.size(); ++i) {
    const inference::ToolCall& call = message.tool_calls[i];
    const std::string param = fmt::format("messages[{}].tool_calls[{}].function.arguments", index, i);
    const std::string arguments = call.arguments.empty() ? "{}" : call.arguments;
    HEARTH_CHECKED(parse_json(arguments, param));
    out.tool_calls.push_back({call.name, arguments, call.id});
  }
  return out;
}

Result<std::vector<common_chat_msg>> to_messages(const ChatRequest& request) {
  if (request.messages.empty()) return fail(ErrorCode::invalid_request, "messages is empty", "messages");
  std::vector<common_chat_msg> messages;
  const bool has_system = std::ranges::any_of(
      request.messages, [](const inference::Message& m) { return m.role == "system" || m.role == "developer"; });
  if (!has_system && !request.system_default.empty()) {
    common_chat_msg system;
    system.role = "system";
    system.content = request.system_default;
    messages.push_back(std::move(system));
  }
  for (std::size_t i = 0; i < request.messages.size(); ++i) {
    HEARTH_TRY(auto message, to_message(request.messages[i], i));
    messages.push_back(std::move(message));
  }
  return messages;
}

bool is_offered(const ToolChoice& choice, const inference::Tool& tool) {
  return choice.mode != ToolChoice::Mode::named || tool.name == choice.name;
}

Result<> check_tool_choice(const ChatRequest& request) {
  const ToolChoice& choice = request.tool_choice;
  const bool forced = choice.mode == ToolChoice::Mode::required || choice.mode == ToolChoice::Mode::named;
  if (forced && request.tools.empty()) {
    return fail(ErrorCode::invalid_request, "tool_choice asks for a call but there are no tools", "tool_choice");
  }
  if (choice.mode != ToolChoice::Mode::named) return {};
  const bool known = std::ranges::any_of(request.tools, [&](const auto& tool) { return tool.name == choice.name; });
  if (known) return {};
  return fail(ErrorCode::invalid_request,
              fmt::format("tool_choice names '{}', which is not one of the tools", choice.name), "tool_choice");
}

Result<common_chat_tool> to_tool(const inference::Tool& tool, std::size_t index, bool forced,
                                 const SchemaCheck& check) {
  const std::string base = fmt::format("tools[{}]", index);
  if (tool.name.empty()) {
    return fail(ErrorCode::invalid_request, base + ".function.name is empty", base + ".function.name");
  }
  if (tool.name.size() > kMaxToolName) {
    return fail(ErrorCode::invalid_request, fmt::format("{}.function.name is longer than {} bytes", base, kMaxToolName),
                base + ".function.name");
  }
  const std::string param = base + ".function.parameters";
  const std::string schema = tool.parameters.empty() ? "{}" : tool.parameters;
  HEARTH_TRY(const auto json, parse_json(schema, param));
  if (!json.is_object()) return fail(ErrorCode::invalid_request, param + " must be a JSON Schema object", param);
  HEARTH_CHECKED(check_tool_schema(schema, param));
  if (check && (forced || tool.strict)) HEARTH_CHECKED(check(schema, param));
  return common_chat_tool{tool.name, tool.description, schema};
}

Result<> add_tools(const ChatRequest& request, const RenderOptions& options, common_chat_templates_inputs& inputs) {
  HEARTH_CHECKED(check_tool_choice(request));
  if (request.tool_choice.mode == ToolChoice::Mode::none) return {};
  if (request.tools.size() > kMaxChatTools) {
    return fail(ErrorCode::invalid_request, fmt::format("tools: at most {} tools a request", kMaxChatTools), "tools");
  }
  const bool forced = request.tool_choice.mode != ToolChoice::Mode::automatic;
  std::set<std::string> names;
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    if (!is_offered(request.tool_choice, request.tools[i])) continue;
    HEARTH_TRY(auto tool, to_tool(request.tools[i], i, forced, options.schema_check));
    if (!names.insert(tool.name).second) {
      return fail(ErrorCode::invalid_request, fmt::format("tools[{}]: the name '{}' is used twice", i, tool.name),
                  "tools");
    }
    inputs.tools.push_back(std::move(tool));
  }
  if (!inputs.tools.empty() && forced) inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
  if (!inputs.tools.empty() && !options.constraint_gbnf.empty()) {
    return fail(ErrorCode::unsupported,
                "response_format cannot be combined with tools; leave one out or set tool_choice to none",
                "response_format");
  }
  return {};
}

Result<> add_reasoning(const ChatRequest& request, const std::map<std::string, bool>& caps,
                       common_chat_templates_inputs& inputs, std::vector<std::string>& degraded) {
  for (const auto& [name, text] : request.template_arguments) {
    const std::string param = "chat_template_kwargs." + name;
    HEARTH_TRY(const auto value, parse_json(text, param));
    if (name == "enable_thinking") {
      if (!value.is_boolean()) return fail(ErrorCode::invalid_request, param + " must be true or false", param);
      inputs.enable_thinking = value.get<bool>();
    }
    inputs.chat_template_kwargs[name] = text;
  }
  const inference::Reasoning& reasoning = request.reasoning;
  if (reasoning.effort == "none") {
    inputs.enable_thinking = false;
  } else if (!reasoning.effort.empty()) {
    inputs.chat_template_kwargs["reasoning_effort"] = common_json(reasoning.effort).dump();
    if (!caps.at("supports_reasoning_effort")) degraded.emplace_back("the chat template has no reasoning effort");
  }
  if (reasoning.enabled) {
    inputs.enable_thinking = *reasoning.enabled;
    inputs.chat_template_kwargs.erase("enable_thinking");
  }
  inputs.reasoning_format = reasoning.separate ? COMMON_REASONING_FORMAT_DEEPSEEK : COMMON_REASONING_FORMAT_NONE;
  return {};
}

Result<> add_continuation(const ChatRequest& request, common_chat_templates_inputs& inputs) {
  inputs.add_generation_prompt = request.add_generation_prompt;
  if (!request.continue_final_message) return {};
  const inference::Message& last = request.messages.back();
  if (last.role != "assistant" || !last.tool_calls.empty()) {
    return fail(ErrorCode::invalid_request,
                "continue_final_message: the last message must be one of the assistant without tool calls",
                "continue_final_message");
  }
  inputs.add_generation_prompt = false;
  inputs.continue_final_message = COMMON_CHAT_CONTINUATION_AUTO;
  return {};
}

}  // namespace

std::size_t json_nesting(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (const char c : text) {
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return deepest;
}

std::size_t template_nesting(std::string_view source) {
  std::size_t brackets = 0;
  std::size_t deepest = 0;
  std::size_t depth = 0;
  std::vector<std::size_t> blocks;  // open ones, each with its elifs: the parser recurses for those too
  const auto starts_block = [](std::string_view word) {
    return std::ranges::any_of(std::array{"if", "for", "macro", "call", "filter"},
                               [&](const char* name) { return word.starts_with(name); });
  };
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source.substr(i, 2) == "{%") {
      const std::string_view word =
          source.substr(std::min(source.find_first_not_of("-+ \t\r\n", i + 2), source.size()));
      if (word.starts_with("end") && !blocks.empty()) {
        depth -= blocks.back();
        blocks.pop_back();
      } else if (word.starts_with("elif") && !blocks.empty()) {
        ++blocks.back();
        ++depth;
      } else if (starts_block(word)) {
        blocks.push_back(1);
        ++depth;
      }
    }
    const char c = source[i];
    if (c == '(' || c == '[' || c == '{') ++brackets;
    if ((c == ')' || c == ']' || c == '}') && brackets > 0) --brackets;
    deepest = std::max(deepest, brackets + depth);
  }
  return deepest;
}

Result<common_chat_templates_inputs> to_template_inputs(const ChatRequest& request, const RenderOptions& options,
                                                        const std::map<std::string, bool>& template_caps,
                                                        std::vector<std::string>& degraded) {
  common_chat_templates_inputs inputs;
  HEARTH_TRY(inputs.messages, to_messages(request));
  HEARTH_CHECKED(add_tools(request, options, inputs));
  if (!inputs.tools.empty()) {
    if (!template_caps.at("supports_tools") && !template_caps.at("supports_tool_calls")) {
      return fail(ErrorCode::unsupported,
                  "the model's chat template knows no tools; use another model or send no tools", "tools");
    }
    if (!template_caps.at("supports_tools")) degraded.emplace_back("the chat template does not describe tools");
  }
  inputs.parallel_tool_calls = request.parallel_tool_calls.value_or(template_caps.at("supports_parallel_tool_calls"));
  if (!template_caps.at("supports_system_role") && inputs.messages.front().role == "system") {
    if (inputs.messages.size() == 1) {
      return fail(ErrorCode::invalid_request,
                  "the model's chat template has no system role; add a message of the user to carry it", "messages");
    }
    degraded.emplace_back("the chat template has no system role; it went into the next message");
  }
  HEARTH_CHECKED(add_reasoning(request, template_caps, inputs, degraded));
  HEARTH_CHECKED(add_continuation(request, inputs));
  return inputs;
}

Result<std::string> plain_prompt(const ChatRequest& request) {
  if (!request.tools.empty() && request.tool_choice.mode != ToolChoice::Mode::none) {
    return fail(ErrorCode::unsupported, "the model has no chat template, so it cannot be given tools", "tools");
  }
  HEARTH_TRY(const auto messages, to_messages(request));
  std::string prompt;
  for (const common_chat_msg& message : messages) {
    if (!prompt.empty()) prompt += '\n';
    prompt += message.render_content("\n");
  }
  return prompt;
}

}  // namespace hearth::engine
