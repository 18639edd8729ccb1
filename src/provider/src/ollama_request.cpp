// SPDX-License-Identifier: Apache-2.0
#include "ollama_request.hpp"

#include <fmt/format.h>

#include "hearth/base/text.hpp"

namespace hearth::provider {
namespace {

using inference::Message;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("Ollama's protocol cannot carry {}", what));
}

template <class T>
void option(Json& options, const char* name, const std::optional<T>& value) {
  if (value) options[name] = *value;
}

/// Left to itself it keeps a few thousand tokens and drops the oldest messages without a word.
void keep_everything(std::int32_t context, Json& out) {
  out["truncate"] = false;
  out["shift"] = false;
  if (context > 0) out["options"]["num_ctx"] = context;
}

Result<> add_generation(const inference::Generation& generation, Json& out) {
  const inference::Sampling& s = generation.sampling;
  if (generation.n != 1) return cannot("n, several answers to one prompt");
  if (generation.logprobs) return cannot("logprobs");
  if (generation.time_limit) return cannot("a time limit for the answer");
  if (!s.logit_bias.empty()) return cannot("logit_bias");
  if (s.ignore_eos.value_or(false)) return cannot("ignore_eos");
  if (s.dry_multiplier.value_or(0) != 0 || s.xtc_probability.value_or(0) != 0 || s.top_n_sigma || s.samplers ||
      s.dynatemp_range.value_or(0) != 0 || s.adaptive_target) {
    return cannot("samplers that Ollama does not know");
  }
  Json options = out.value("options", Json::object());
  option(options, "num_predict", generation.max_tokens);
  if (!generation.stop.empty()) options["stop"] = generation.stop;
  option(options, "seed", s.seed);
  option(options, "temperature", s.temperature);
  option(options, "top_k", s.top_k);
  option(options, "top_p", s.top_p);
  option(options, "min_p", s.min_p);
  option(options, "typical_p", s.typical_p);
  option(options, "repeat_last_n", s.repeat_last_n);
  option(options, "repeat_penalty", s.repeat_penalty);
  option(options, "frequency_penalty", s.frequency_penalty);
  option(options, "presence_penalty", s.presence_penalty);
  option(options, "mirostat", s.mirostat);
  option(options, "mirostat_tau", s.mirostat_tau);
  option(options, "mirostat_eta", s.mirostat_eta);
  if (!options.empty()) out["options"] = std::move(options);
  using Kind = inference::Constraint::Kind;
  switch (generation.constraint.kind) {
    case Kind::none: return {};
    case Kind::json_object: out["format"] = "json"; return {};
    case Kind::json_schema: out["format"] = parse_json(generation.constraint.text); return {};
    default: return cannot("a constraint other than JSON");
  }
}

Result<Json> message_of(const Message& message) {
  Json out{{"role", message.role}, {"content", ""}};
  std::string text;
  for (const inference::ContentPart& part : message.content) {
    if (const auto* piece = std::get_if<inference::TextPart>(&part)) {
      text += piece->text;
    } else {
      const auto& image = std::get<inference::ImagePart>(part);
      if (image.bytes.empty()) return cannot("an image by URL");
      out["images"].push_back(text::base64_encode(image.bytes));
    }
  }
  out["content"] = std::move(text);
  if (!message.reasoning.empty()) out["thinking"] = message.reasoning;
  if (!message.tool_name.empty()) out["tool_name"] = message.tool_name;
  if (!message.tool_call_id.empty()) out["tool_call_id"] = message.tool_call_id;
  for (const inference::ToolCall& call : message.tool_calls) {
    Json arguments = parse_json(call.arguments.empty() ? "{}" : call.arguments);
    if (!arguments.is_object()) {
      return fail(ErrorCode::invalid_request, "the arguments of a tool call are no JSON object", "messages");
    }
    Json json{{"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}};
    if (!call.id.empty()) json["id"] = call.id;
    out["tool_calls"].push_back(std::move(json));
  }
  return out;
}

}  // namespace

Result<Json> ollama_chat_body(const inference::ChatRequest& request, std::int32_t context) {
  using Mode = inference::ToolChoice::Mode;
  const Mode mode = request.tool_choice.mode;
  if (!request.tools.empty() && (mode == Mode::required || mode == Mode::named))
    return cannot("a tool_choice that demands");
  if (!request.template_override.empty() || !request.template_arguments.empty()) return cannot("a chat template");
  if (request.reasoning.budget_tokens) return cannot("a budget of tokens for thinking");
  Json out{{"model", request.model}, {"stream", true}, {"messages", Json::array()}};
  const bool has_system = std::ranges::any_of(request.messages, [](const Message& m) { return m.role == "system"; });
  if (!has_system && !request.system_default.empty()) {
    out["messages"].push_back({{"role", "system"}, {"content", request.system_default}});
  }
  for (const Message& message : request.messages) {
    HEARTH_TRY(Json json, message_of(message));
    out["messages"].push_back(std::move(json));
  }
  if (mode != Mode::none) {
    for (const inference::Tool& tool : request.tools) {
      Json parameters = parse_json(tool.parameters);
      out["tools"].push_back(
          {{"type", "function"},
           {"function",
            {{"name", tool.name}, {"description", tool.description}, {"parameters", std::move(parameters)}}}});
    }
  }
  if (!request.reasoning.effort.empty()) {
    out["think"] = request.reasoning.effort;
  } else if (request.reasoning.enabled) {
    out["think"] = *request.reasoning.enabled;
  }
  keep_everything(context, out);
  HEARTH_CHECKED(add_generation(request.generation, out));
  return out;
}

Result<Json> ollama_generate_body(const inference::CompletionRequest& request, std::int32_t context) {
  const auto* text = std::get_if<std::string>(&request.prompt);
  if (text == nullptr) return cannot("a prompt of token ids");
  if (!request.infill_files.empty()) return cannot("files as context for filling in");
  if (request.prompt_logprobs) return cannot("probabilities of the prompt's tokens");
  Json out{{"model", request.model}, {"stream", true}, {"prompt", *text}};
  if (request.suffix) {
    out["suffix"] = *request.suffix;
  } else {
    out["raw"] = true;  // no template around it
  }
  keep_everything(context, out);
  HEARTH_CHECKED(add_generation(request.generation, out));
  return out;
}

Result<Json> ollama_embed_body(const inference::EmbeddingRequest& request) {
  if (!request.normalize) return cannot("vectors that are not normalized");
  if (request.pooling != inference::Pooling::model_default) return cannot("a choice of pooling");
  Json out{{"model", request.model}, {"input", Json::array()}, {"truncate", request.truncate}};
  for (const auto& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    if (text == nullptr) return cannot("inputs of token ids");
    out["input"].push_back(*text);
  }
  if (request.dimensions) out["dimensions"] = *request.dimensions;
  return out;
}

}  // namespace hearth::provider
