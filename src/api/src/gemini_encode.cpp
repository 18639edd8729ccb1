// SPDX-License-Identifier: Apache-2.0
#include "gemini_encode.hpp"

#include <nlohmann/json.hpp>

#include "error_render.hpp"
#include "json_write.hpp"

namespace hearth::api::gemini {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json usage_json(const inference::Usage& usage) {
  Json out{{"promptTokenCount", usage.prompt_tokens},
           {"candidatesTokenCount", usage.completion_tokens - usage.reasoning_tokens},
           {"totalTokenCount", usage.prompt_tokens + usage.completion_tokens}};
  if (usage.cached_tokens > 0) out["cachedContentTokenCount"] = usage.cached_tokens;
  if (usage.reasoning_tokens > 0) out["thoughtsTokenCount"] = usage.reasoning_tokens;
  if (usage.cost_usd) out["cost"] = *usage.cost_usd;
  return out;
}

Json text_part(const std::string& text, bool thought) {
  Json part{{"text", text}};
  if (thought) part["thought"] = true;
  return part;
}

Json call_part(const inference::ToolCall& call) {
  Json arguments = Json::parse(call.arguments, nullptr, false);
  if (!arguments.is_object()) arguments = Json::object();
  Json part{{"functionCall", {{"id", call.id}, {"name", call.name}, {"args", std::move(arguments)}}}};
  if (!call.signature.empty()) part["thoughtSignature"] = call.signature;
  return part;
}

Json candidate_json(std::int32_t index, Json parts) {
  return {{"content", {{"parts", std::move(parts)}, {"role", "model"}}}, {"index", index}};
}

const char* reason_of(inference::FinishReason reason) {
  if (reason == inference::FinishReason::length) return "MAX_TOKENS";
  return reason == inference::FinishReason::content_filter ? "SAFETY" : "STOP";
}

Json response_json(const Head& head, Json candidates) {
  return {{"candidates", std::move(candidates)}, {"modelVersion", head.model}, {"responseId", head.id}};
}

/// Parts are added to those that are there, other members are set.
void merge(Json& candidate, const inference::Opaque& opaque) {
  const Json members = Json::parse(opaque.json, nullptr, false);
  if (!members.is_object()) return;
  for (const auto& [name, value] : members.items()) {
    if (name == "content") {
      for (const Json& part : value["parts"]) candidate["content"]["parts"].push_back(part);
    } else {
      candidate[name] = value;
    }
  }
}

void add_part(Json& candidate, const Head& head, const CollectedChoice& choice, const ContentBlock& block) {
  Json& parts = candidate["content"]["parts"];
  switch (block.kind) {
    case ContentBlock::Kind::reasoning:
      if (head.thoughts && block.size > 0) {
        parts.push_back(text_part(choice.reasoning.substr(block.begin, block.size), true));
      }
      break;
    case ContentBlock::Kind::text:
      parts.push_back(text_part(choice.text.substr(block.begin, block.size), false));
      break;
    case ContentBlock::Kind::tool_call: parts.push_back(call_part(choice.tool_calls[block.begin])); break;
    case ContentBlock::Kind::opaque:
      if (block.opaque.wire == inference::Wire::gemini) merge(candidate, block.opaque);
      break;
  }
}

Json one_part(const Head& head, std::int32_t choice, Json part) {
  return response_json(head, Json::array({candidate_json(choice, Json::array({std::move(part)}))}));
}

}  // namespace

void ResponseStream::put(const std::string& response, std::string& out) {
  if (sse_) {
    out += "data: " + response + "\r\n\r\n";
  } else {
    out += (began_ ? ",\n" : "[") + response;
  }
  began_ = true;
}

void ResponseStream::flush_call(std::int32_t choice, std::string& out) {
  Choice& state = choices_[static_cast<std::size_t>(choice)];
  if (!state.open) return;
  state.open = false;
  put(text_of(one_part(head_, choice, call_part(std::exchange(state.call, {})))), out);
}

void ResponseStream::event(const inference::Event& event, std::string& out) {
  const auto at = static_cast<std::size_t>(event.choice);
  if (at >= choices_.size()) choices_.resize(at + 1);
  Choice& state = choices_[at];
  if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    if (!state.open || call->index != state.index) flush_call(event.choice, out);
    state.open = true;
    state.index = call->index;
    if (!call->id.empty()) state.call.id = call->id;
    if (!call->name.empty()) state.call.name = call->name;
    if (!call->signature.empty()) state.call.signature = call->signature;
    state.call.arguments += call->arguments;
  } else if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    flush_call(event.choice, out);
    if (!text->text.empty()) put(text_of(one_part(head_, event.choice, text_part(text->text, false))), out);
  } else if (const auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    if (head_.thoughts && !thought->text.empty())
      put(text_of(one_part(head_, event.choice, text_part(thought->text, true))), out);
  } else if (const auto* rest = std::get_if<inference::Opaque>(&event.body)) {
    opaque(event.choice, *rest, out);
  } else if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    flush_call(event.choice, out);
    usage_.add_choice(done->usage);
    Json candidate = candidate_json(event.choice, Json::array({text_part("", false)}));
    candidate["finishReason"] = reason_of(done->reason);
    Json response = response_json(head_, Json::array({std::move(candidate)}));
    response["usageMetadata"] = usage_json(usage_);
    put(text_of(response), out);
  }
}

void ResponseStream::opaque(std::int32_t choice, const inference::Opaque& opaque, std::string& out) {
  if (opaque.wire != inference::Wire::gemini) return;
  flush_call(choice, out);
  Json candidate = candidate_json(choice, Json::array());
  merge(candidate, opaque);
  put(text_of(response_json(head_, Json::array({std::move(candidate)}))), out);
}

void ResponseStream::failed(const Error& error, std::string& out) {
  const std::string body = error_body(Family::gemini, error, head_.id);
  if (sse_) {
    out += body + "\r\n\r\n";  // Google's clients know an error by its lack of "data: "
  } else {
    put(body, out);
  }
  end(out);
}

void ResponseStream::end(std::string& out) {
  if (!sse_) out += began_ ? "]" : "[]";
}

std::string response_body(const Head& head, const std::vector<CollectedChoice>& choices) {
  Json candidates = Json::array();
  inference::Usage usage;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const CollectedChoice& choice = choices[i];
    Json candidate = candidate_json(static_cast<std::int32_t>(i), Json::array());
    for (const ContentBlock& block : choice.blocks) add_part(candidate, head, choice, block);
    candidate["finishReason"] = reason_of(choice.finished.reason);
    candidates.push_back(std::move(candidate));
    usage.add_choice(choice.finished.usage);
  }
  Json response = response_json(head, std::move(candidates));
  response["usageMetadata"] = usage_json(usage);
  return text_of(response);
}

std::string embedding_body(const std::vector<std::vector<float>>& vectors, bool batch) {
  std::string out = batch ? R"({"embeddings":[)" : R"({"embedding":)";
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"values":)";
    append_json_floats(out, vectors[i]);
    out += '}';
  }
  return out += batch ? "]}" : "}";
}

}  // namespace hearth::api::gemini
