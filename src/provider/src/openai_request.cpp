// SPDX-License-Identifier: Apache-2.0
#include "openai_request.hpp"

#include <fmt/format.h>

#include "hearth/base/text.hpp"
#include "openai_generation.hpp"

namespace hearth::provider {
namespace {

using inference::ChatRequest;
using inference::Message;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("this provider's protocol cannot carry {}", what));
}

std::string data_url(const inference::ImagePart& image) {
  if (image.bytes.empty()) return image.url;
  return fmt::format("data:{};base64,{}", image.mime_type, text::base64_encode(image.bytes));
}

Json content_of(const Message& message) {
  const bool only_text = message.content.size() == 1 && std::holds_alternative<inference::TextPart>(message.content[0]);
  if (only_text) return std::get<inference::TextPart>(message.content[0]).text;
  if (message.content.empty()) return message.role == "assistant" ? Json(nullptr) : Json("");
  Json parts = Json::array();
  for (const inference::ContentPart& part : message.content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      parts.push_back({{"type", "text"}, {"text", text->text}});
    } else {
      const std::string url = data_url(std::get<inference::ImagePart>(part));
      parts.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
    }
  }
  return parts;
}

Json message_of(Dialect dialect, const Message& message) {
  Json out{{"role", message.role}, {"content", content_of(message)}};
  // OpenAI refuses the field; the servers that think take their own words back under this name.
  if (!message.reasoning.empty() && dialect != Dialect::openai) out["reasoning_content"] = message.reasoning;
  for (const inference::ToolCall& call : message.tool_calls) {
    out["tool_calls"].push_back(
        {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  if (!message.tool_call_id.empty()) out["tool_call_id"] = message.tool_call_id;
  if (!message.tool_name.empty() && message.role == "tool") out["name"] = message.tool_name;
  return out;
}

Result<> add_tool_list(const ChatRequest& request, Json& out) {
  for (const inference::Tool& tool : request.tools) {
    Json parameters = parse_json(tool.parameters);
    if (!parameters.is_object())
      return fail(ErrorCode::invalid_request, "a tool's parameters are no JSON object", "tools");
    Json function{{"name", tool.name}, {"parameters", std::move(parameters)}};
    if (!tool.description.empty()) function["description"] = tool.description;
    if (tool.strict) function["strict"] = true;
    out["tools"].push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return {};
}

/// mlx_lm.server ignores tool_choice and parallel_tool_calls: only what it does by itself may be asked of it.
Result<> add_mlx_tools(const ChatRequest& request, Json& out) {
  if (request.tools.empty()) return {};
  using Mode = inference::ToolChoice::Mode;
  const Mode mode = request.tool_choice.mode;
  if (mode == Mode::required || mode == Mode::named) return cannot("a tool_choice that demands");
  if (!request.parallel_tool_calls.value_or(true)) return cannot("parallel_tool_calls: false");
  return mode == Mode::none ? Result<>{} : add_tool_list(request, out);
}

Result<> add_tools(const ChatRequest& request, Json& out) {
  HEARTH_CHECKED(add_tool_list(request, out));
  if (request.tools.empty()) return {};
  using Mode = inference::ToolChoice::Mode;
  switch (request.tool_choice.mode) {
    case Mode::automatic: break;
    case Mode::none: out["tool_choice"] = "none"; break;
    case Mode::required: out["tool_choice"] = "required"; break;
    case Mode::named:
      out["tool_choice"] = {{"type", "function"}, {"function", {{"name", request.tool_choice.name}}}};
      break;
  }
  if (request.parallel_tool_calls) out["parallel_tool_calls"] = *request.parallel_tool_calls;
  return {};
}

Result<> add_reasoning(Dialect dialect, const inference::Reasoning& reasoning, Json& out) {
  const bool mlx = dialect == Dialect::mlx;  // where templates alone know of efforts
  if (!reasoning.effort.empty()) (mlx ? out["chat_template_kwargs"] : out)["reasoning_effort"] = reasoning.effort;
  const bool templates = dialect != Dialect::openai && dialect != Dialect::compatible;
  if (reasoning.enabled) {
    if (templates) {
      out["chat_template_kwargs"]["enable_thinking"] = *reasoning.enabled;
    } else if (!*reasoning.enabled && dialect == Dialect::openai) {
      out["reasoning_effort"] = "none";
    }
    // Elsewhere a model that thinks does so by itself; its thoughts come apart from its answer.
  }
  if (reasoning.budget_tokens) {
    if (dialect != Dialect::hearth && dialect != Dialect::llama_server)
      return cannot("a budget of tokens for thinking");
    out["reasoning_budget_tokens"] = *reasoning.budget_tokens;
  }
  return {};
}

Result<> add_template(Dialect dialect, const ChatRequest& request, Json& out) {
  if (!request.template_override.empty()) return cannot("a chat template of the request");
  const bool templates = dialect == Dialect::vllm || dialect == Dialect::sglang || dialect == Dialect::llama_server ||
                         dialect == Dialect::hearth || dialect == Dialect::mlx;
  if (!request.template_arguments.empty() && !templates) return cannot("arguments for the chat template");
  for (const auto& [name, text] : request.template_arguments) out["chat_template_kwargs"][name] = parse_json(text);
  if (request.continue_final_message) {
    if (dialect == Dialect::openai || dialect == Dialect::mlx || dialect == Dialect::compatible) {
      return cannot("a last assistant message to go on from");
    }
    if (dialect == Dialect::vllm || dialect == Dialect::sglang) {
      out["continue_final_message"] = true;
      out["add_generation_prompt"] = false;
    }
  }
  return {};
}

void add_stream(Json& out) {
  out["stream"] = true;
  out["stream_options"] = {{"include_usage", true}};
}

}  // namespace

Result<Json> openai_chat_body(Dialect dialect, const ChatRequest& request) {
  Json out{{"model", request.model}, {"messages", Json::array()}};
  const bool has_system = std::ranges::any_of(request.messages, [](const Message& m) { return m.role == "system"; });
  if (!has_system && !request.system_default.empty()) {
    out["messages"].push_back({{"role", "system"}, {"content", request.system_default}});
  }
  for (const Message& message : request.messages) out["messages"].push_back(message_of(dialect, message));
  HEARTH_CHECKED(dialect == Dialect::mlx ? add_mlx_tools(request, out) : add_tools(request, out));
  HEARTH_CHECKED(add_reasoning(dialect, request.reasoning, out));
  HEARTH_CHECKED(add_template(dialect, request, out));
  HEARTH_CHECKED(add_generation(dialect, request.generation, true, out));
  add_stream(out);
  return out;
}

Result<Json> openai_completion_body(Dialect dialect, const inference::CompletionRequest& request) {
  Json out{{"model", request.model}};
  if (dialect == Dialect::mlx && request.suffix) return cannot("a suffix to fill in before");
  if (dialect == Dialect::mlx && !std::holds_alternative<std::string>(request.prompt)) {
    return cannot("a prompt of token ids");
  }
  if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    out["prompt"] = *text;
  } else {
    out["prompt"] = std::get<std::vector<inference::TokenId>>(request.prompt);
  }
  if (request.suffix) out["suffix"] = *request.suffix;
  if (!request.infill_files.empty()) return cannot("files as context for filling in");
  if (request.prompt_logprobs) return cannot("probabilities of the prompt's tokens");
  HEARTH_CHECKED(add_generation(dialect, request.generation, false, out));
  add_stream(out);
  return out;
}

Result<Json> openai_embedding_body(Dialect dialect, const inference::EmbeddingRequest& request) {
  if (dialect == Dialect::mlx) return cannot("embeddings");
  Json out{{"model", request.model}, {"input", Json::array()}, {"encoding_format", "float"}};
  for (const auto& input : request.inputs) {
    if (const auto* text = std::get_if<std::string>(&input)) {
      out["input"].push_back(*text);
    } else {
      out["input"].push_back(std::get<std::vector<inference::TokenId>>(input));
    }
  }
  if (request.dimensions) out["dimensions"] = *request.dimensions;
  if (!request.normalize && dialect == Dialect::openai) return cannot("vectors that are not normalized");
  if (request.truncate) return cannot("inputs that are cut to the context");
  if (request.pooling != inference::Pooling::model_default) return cannot("a choice of pooling");
  return out;
}

Result<Json> openai_rerank_body(Dialect dialect, const inference::RerankRequest& request) {
  if (dialect == Dialect::openai || dialect == Dialect::mlx) return cannot("rerank");
  return Json{{"model", request.model}, {"query", request.query}, {"documents", request.documents}};
}

}  // namespace hearth::provider
