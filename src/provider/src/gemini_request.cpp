// SPDX-License-Identifier: Apache-2.0
#include "gemini_request.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "hearth/base/text.hpp"
#include "sampling_fields.hpp"

namespace hearth::provider {
namespace {

using inference::ChatRequest;
using inference::Message;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("Gemini's protocol cannot carry {}", what));
}

Json parts_of(const std::vector<inference::ContentPart>& content) {
  Json parts = Json::array();
  for (const inference::ContentPart& part : content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      if (!text->text.empty()) parts.push_back({{"text", text->text}});
      continue;
    }
    const auto& image = std::get<inference::ImagePart>(part);
    if (image.bytes.empty()) {
      parts.push_back({{"fileData", {{"fileUri", image.url}}}});
    } else {
      parts.push_back({{"inlineData", {{"mimeType", image.mime_type}, {"data", text::base64_encode(image.bytes)}}}});
    }
  }
  return parts;
}

std::string text_of(const std::vector<inference::ContentPart>& content) {
  std::string text;
  for (const inference::ContentPart& part : content) {
    if (const auto* piece = std::get_if<inference::TextPart>(&part)) text += piece->text;
  }
  return text;
}

/// The protocol wants an object; what a tool said in words becomes its "result".
Json response_of(const Message& message, const std::string& name) {
  const std::string text = text_of(message.content);
  Json response = parse_json(text);
  if (!response.is_object()) response = {{"result", text}};
  Json out{{"name", name}, {"response", std::move(response)}};
  if (!message.tool_call_id.empty()) out["id"] = message.tool_call_id;
  return {{"functionResponse", std::move(out)}};
}

/// Gemini 3 refuses a step whose first call has no signature, and documents this word for calls that another model
/// made. Older models ask for none.
constexpr const char* kNoSignature = "skip_thought_signature_validator";
bool wants_signatures(std::string_view model) {
  return !model.starts_with("gemini-1") && !model.starts_with("gemini-2");
}

/// Neighbours of one role become one content, and results of tools are the user's, as the API demands.
class Contents {
 public:
  explicit Contents(bool signatures) : signatures_{signatures} {}

  Result<> add(const Message& message) {
    if (message.role == "system" || message.role == "developer") {
      for (Json& part : parts_of(message.content)) system_.push_back(std::move(part));
      return {};
    }
    Json parts = Json::array();
    if (message.role == "tool") {
      const auto known = names_.find(message.tool_call_id);
      const std::string& name = message.tool_name.empty() && known != names_.end() ? known->second : message.tool_name;
      parts.push_back(response_of(message, name));
    } else {
      parts = parts_of(message.content);
    }
    bool first = true;
    for (const inference::ToolCall& call : message.tool_calls) {
      Json arguments = parse_json(call.arguments.empty() ? "{}" : call.arguments);
      if (!arguments.is_object()) {
        return fail(ErrorCode::invalid_request, "the arguments of a tool call are no JSON object", "messages");
      }
      names_[call.id] = call.name;
      Json part{{"functionCall", {{"id", call.id}, {"name", call.name}, {"args", std::move(arguments)}}}};
      const bool lacks = std::exchange(first, false) && call.signature.empty() && signatures_;
      if (lacks) part["thoughtSignature"] = kNoSignature;
      if (!call.signature.empty()) part["thoughtSignature"] = call.signature;
      parts.push_back(std::move(part));
    }
    put(message.role == "assistant" ? "model" : "user", std::move(parts));
    return {};
  }

  Json system_;  // parts; null: none
  Json contents_ = Json::array();

 private:
  void put(const char* role, Json parts) {
    if (parts.empty()) return;
    if (contents_.empty() || contents_.back()["role"] != role) {
      contents_.push_back({{"role", role}, {"parts", std::move(parts)}});
      return;
    }
    for (Json& part : parts) contents_.back()["parts"].push_back(std::move(part));
  }

  bool signatures_;
  std::map<std::string, std::string> names_;  // of functions, by the id of the call
};

Result<> add_tools(const ChatRequest& request, Json& out) {
  if (request.tools.empty()) return {};
  if (request.parallel_tool_calls == false) return cannot("a demand for one tool call at a time");
  Json functions = Json::array();
  for (const inference::Tool& tool : request.tools) {
    Json schema = parse_json(tool.parameters);
    if (!schema.is_object()) return fail(ErrorCode::invalid_request, "a tool's parameters are no JSON object", "tools");
    Json function{{"name", tool.name}, {"description", tool.description}};
    if (!schema.empty()) function["parametersJsonSchema"] = std::move(schema);
    functions.push_back(std::move(function));
  }
  out["tools"] = Json::array({{{"functionDeclarations", std::move(functions)}}});
  using Mode = inference::ToolChoice::Mode;
  Json config = Json::object();
  switch (request.tool_choice.mode) {
    case Mode::automatic: return {};
    case Mode::none: config["mode"] = "NONE"; break;
    case Mode::required: config["mode"] = "ANY"; break;
    case Mode::named:
      config = {{"mode", "ANY"}, {"allowedFunctionNames", Json::array({request.tool_choice.name})}};
      break;
  }
  out["toolConfig"] = {{"functionCallingConfig", std::move(config)}};
  return {};
}

Result<Json> config_of(const inference::Generation& generation) {
  Json out = Json::object();
  const inference::Sampling& s = generation.sampling;
  constexpr std::array<std::string_view, 6> kCarried{"temperature",       "top_p",           "top_k", "seed",
                                                     "frequency_penalty", "presence_penalty"};
  if (const auto name = uncarried(s, kCarried)) return cannot(*name);
  if (s.temperature) out["temperature"] = *s.temperature;
  if (s.top_p) out["topP"] = *s.top_p;
  if (s.top_k && *s.top_k > 0) out["topK"] = *s.top_k;
  if (s.seed) out["seed"] = static_cast<std::int32_t>(*s.seed & 0x7FFFFFFFU);  // the field has 31 bits
  if (s.frequency_penalty) out["frequencyPenalty"] = *s.frequency_penalty;
  if (s.presence_penalty) out["presencePenalty"] = *s.presence_penalty;
  if (generation.max_tokens) out["maxOutputTokens"] = *generation.max_tokens;
  if (!generation.stop.empty()) out["stopSequences"] = generation.stop;
  if (generation.n != 1) return cannot("n, several answers to one prompt in one stream");
  if (generation.logprobs) return cannot("logprobs");
  if (generation.time_limit) return cannot("a time limit for the answer");
  using Kind = inference::Constraint::Kind;
  if (generation.constraint.kind == Kind::json_schema) {
    out["responseMimeType"] = "application/json";
    out["responseJsonSchema"] = parse_json(generation.constraint.text);
  } else if (generation.constraint.kind == Kind::choice) {
    out["responseMimeType"] = "text/x.enum";
    out["responseJsonSchema"] = {{"type", "string"}, {"enum", generation.constraint.choices}};
  } else if (generation.constraint.kind != Kind::none) {
    return cannot("a constraint other than a JSON Schema or a choice");
  }
  return out;
}

void add_thinking(const inference::Reasoning& reasoning, Json& config) {
  Json thinking = Json::object();
  if (reasoning.enabled == false) {
    thinking["thinkingBudget"] = 0;
  } else if (reasoning.budget_tokens) {
    thinking["thinkingBudget"] = *reasoning.budget_tokens;
  } else if (!reasoning.effort.empty()) {
    thinking["thinkingLevel"] = reasoning.effort;
  }
  if (reasoning.enabled.value_or(false) || (!thinking.empty() && reasoning.enabled != false)) {
    thinking["includeThoughts"] = true;
  }
  if (!thinking.empty()) config["thinkingConfig"] = std::move(thinking);
}

}  // namespace

Result<Json> gemini_body(const ChatRequest& request) {
  if (!request.template_override.empty() || !request.template_arguments.empty()) return cannot("a chat template");
  Contents contents{wants_signatures(request.model)};
  for (const Message& message : request.messages) HEARTH_CHECKED(contents.add(message));
  if (contents.system_.is_null() && !request.system_default.empty()) {
    contents.system_.push_back({{"text", request.system_default}});
  }
  Json out = Json::object();
  if (!contents.system_.is_null()) out["systemInstruction"] = {{"parts", std::move(contents.system_)}};
  out["contents"] = std::move(contents.contents_);
  HEARTH_CHECKED(add_tools(request, out));
  HEARTH_TRY(Json config, config_of(request.generation));
  add_thinking(request.reasoning, config);
  if (!config.empty()) out["generationConfig"] = std::move(config);
  return out;
}

Result<Json> gemini_embed_body(const inference::EmbeddingRequest& request) {
  if (request.pooling != inference::Pooling::model_default) return cannot("a choice of pooling");
  Json requests = Json::array();
  for (const auto& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    if (text == nullptr) return cannot("inputs of token ids");
    Json one{{"model", "models/" + request.model}, {"content", {{"parts", Json::array({{{"text", *text}}})}}}};
    if (request.dimensions) one["outputDimensionality"] = *request.dimensions;
    requests.push_back(std::move(one));
  }
  return Json{{"requests", std::move(requests)}};
}

}  // namespace hearth::provider
