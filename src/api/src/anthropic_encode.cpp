// SPDX-License-Identifier: Apache-2.0
#include "anthropic_encode.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "error_render.hpp"
#include "hearth/base/id.hpp"
#include "json_dump.hpp"
#include "json_write.hpp"
#include "rfc3339.hpp"

namespace hearth::api::anthropic {
namespace {

using nlohmann::json;

void append_sse(std::string_view name, const json& data, std::string& out) {
  out += "event: ";
  out += name;
  out += "\ndata: ";
  out += dump(data);
  out += "\n\n";
}

/// Anthropic counts what was read from the cache beside `input_tokens`, not within.
json usage_json(const inference::Usage& usage) {
  json out{{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
           {"cache_creation_input_tokens", 0},
           {"cache_read_input_tokens", usage.cached_tokens},
           {"output_tokens", usage.completion_tokens}};
  if (usage.cost_usd) out["cost"] = *usage.cost_usd;
  return out;
}

json message_json(const Head& head, json content, json usage) {
  return {{"id", head.id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", head.model},
          {"content", std::move(content)},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr},
          {"usage", std::move(usage)}};
}

json stop_sequence_json(const inference::Finished& finished) {
  if (finished.reason != inference::FinishReason::stop_sequence) return nullptr;
  return finished.stop_sequence;
}

std::string tool_id(const std::string& id) { return id.empty() ? random_id("toolu_") : id; }

json parsed(const inference::Opaque& opaque) {
  if (opaque.wire != inference::Wire::anthropic) return {};
  return json::parse(opaque.json, nullptr, /*allow_exceptions=*/false);
}

bool last_is(const json& content, const char* type) { return !content.empty() && content.back()["type"] == type; }

void add_text(json& content, const std::string& text) {
  if (!last_is(content, "text")) content.push_back({{"type", "text"}, {"text", ""}});
  content.back()["text"].get_ref<std::string&>() += text;
}

void add_thinking(json& content, const std::string& text, const std::string& signature) {
  if (!last_is(content, "thinking") || content.back()["signature"] != "") {
    content.push_back({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
  }
  content.back()["thinking"].get_ref<std::string&>() += text;
  content.back()["signature"] = signature;
}

json tool_json(const inference::ToolCall& call) {
  // Arguments that max_tokens cut off are no JSON; the input is then empty, and stop_reason says why.
  json input = json::parse(call.arguments, nullptr, /*allow_exceptions=*/false);
  if (!input.is_object()) input = json::object();
  return {{"type", "tool_use"}, {"id", tool_id(call.id)}, {"name", call.name}, {"input", std::move(input)}};
}

void add_opaque(json& content, const inference::Opaque& opaque) {
  json block = parsed(opaque);
  if (!block.is_object()) return;
  if (block["type"] != "citations_delta") {
    content.push_back(std::move(block));
  } else if (last_is(content, "text")) {
    json& citations = content.back()["citations"];
    if (!citations.is_array()) citations = json::array();
    citations.push_back(std::move(block["citation"]));
  }
}

json model_json(const models::Model& model) {
  return {{"type", "model"},
          {"id", model.name},
          {"display_name", model.name},
          {"created_at", rfc3339(model.modified)},
          {"lifecycle", "active"},
          {"max_input_tokens", model.context_length > 0 ? json(model.context_length) : json(nullptr)}};
}

}  // namespace

std::string_view stop_reason(const inference::Finished& finished, std::int64_t max_tokens) {
  switch (finished.reason) {
    case inference::FinishReason::stop_sequence: return "stop_sequence";
    case inference::FinishReason::length:
      return finished.usage.completion_tokens < max_tokens ? "model_context_window_exceeded" : "max_tokens";
    case inference::FinishReason::tool_calls: return "tool_use";
    case inference::FinishReason::content_filter: return "refusal";
    case inference::FinishReason::paused: return "pause_turn";
    case inference::FinishReason::stop: break;
  }
  return "end_turn";
}

void MessageStream::event(const inference::Event& event, std::string& out) {
  const auto* prompt = std::get_if<inference::PromptDone>(&event.body);
  if (!started_) start(prompt != nullptr ? *prompt : inference::PromptDone{}, out);
  if (const auto* d = std::get_if<inference::TextDelta>(&event.body)) text(d->text, out);
  if (const auto* d = std::get_if<inference::ReasoningDelta>(&event.body)) thinking(*d, out);
  if (const auto* d = std::get_if<inference::ToolCallDelta>(&event.body)) tool(*d, out);
  if (const auto* d = std::get_if<inference::Opaque>(&event.body)) opaque(*d, out);
  if (const auto* d = std::get_if<inference::Finished>(&event.body)) finish(*d, out);
}

void MessageStream::failed(const Error& error, std::string& out) {
  out += "event: error\ndata: " + error_body(Family::anthropic, error, head_.request_id) + "\n\n";
}

void MessageStream::start(const inference::PromptDone& prompt, std::string& out) {
  started_ = true;
  const inference::Usage usage{.prompt_tokens = prompt.prompt_tokens, .cached_tokens = prompt.cached_tokens};
  append_sse("message_start",
             {{"type", "message_start"}, {"message", message_json(head_, json::array(), usage_json(usage))}}, out);
  append_sse("ping", {{"type", "ping"}}, out);
}

void MessageStream::text(const std::string& text, std::string& out) {
  if (text.empty()) return;
  if (open_ != Block::text) open(Block::text, {{"type", "text"}, {"text", ""}}, out);
  delta("text_delta", "text", text, out);
}

void MessageStream::thinking(const inference::ReasoningDelta& thought, std::string& out) {
  if (thought.text.empty() && thought.signature.empty()) return;
  if (open_ != Block::thinking) {
    open(Block::thinking, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
  }
  if (!thought.text.empty()) delta("thinking_delta", "thinking", thought.text, out);
  if (thought.signature.empty()) return;
  signature_ = thought.signature;
  close(out);
}

void MessageStream::tool(const inference::ToolCallDelta& call, std::string& out) {
  if (open_ != Block::tool || tool_index_ != call.index) {
    tool_index_ = call.index;
    open(Block::tool, {{"type", "tool_use"}, {"id", tool_id(call.id)}, {"name", call.name}, {"input", json::object()}},
         out);
  }
  if (!call.arguments.empty()) delta("input_json_delta", "partial_json", call.arguments, out);
}

/// A block of its own, the opening of a text that has more than words, or a citation of the open text.
void MessageStream::opaque(const inference::Opaque& opaque, std::string& out) {
  json block = parsed(opaque);
  if (!block.is_object()) return;
  if (block["type"] == "citations_delta") {
    if (open_ != Block::text) return;
    append_sse("content_block_delta", {{"type", "content_block_delta"}, {"index", index_}, {"delta", std::move(block)}},
               out);
    return;
  }
  if (block["type"] == "text") return open(Block::text, block, out);
  // The input of a tool comes in deltas, as from Anthropic: clients that put blocks together expect it there.
  const json input = block.contains("input") ? std::exchange(block["input"], json::object()) : json{};
  open(Block::opaque, block, out);
  if (!input.empty()) delta("input_json_delta", "partial_json", dump(input), out);
  close(out);
}

void MessageStream::finish(const inference::Finished& finished, std::string& out) {
  close(out);
  json delta{{"stop_reason", stop_reason(finished, head_.max_tokens)}, {"stop_sequence", stop_sequence_json(finished)}};
  append_sse("message_delta",
             {{"type", "message_delta"}, {"delta", std::move(delta)}, {"usage", usage_json(finished.usage)}}, out);
  append_sse("message_stop", {{"type", "message_stop"}}, out);
}

void MessageStream::open(Block kind, const json& block, std::string& out) {
  close(out);
  open_ = kind;
  ++index_;
  append_sse("content_block_start", {{"type", "content_block_start"}, {"index", index_}, {"content_block", block}},
             out);
}

/// Once a token, so written without a JSON tree.
void MessageStream::delta(std::string_view type, std::string_view field, std::string_view text,
                          std::string& out) const {
  fmt::format_to(std::back_inserter(out),
                 "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{},"
                 "\"delta\":{{\"type\":\"{}\",\"{}\":",
                 index_, type, field);
  append_json_string(out, text);
  out += "}}\n\n";
}

void MessageStream::close(std::string& out) {
  if (open_ == Block::none) return;
  if (open_ == Block::thinking) delta("signature_delta", "signature", std::exchange(signature_, {}), out);
  open_ = Block::none;
  append_sse("content_block_stop", {{"type", "content_block_stop"}, {"index", index_}}, out);
}

std::string message_body(const Head& head, const CollectedChoice& choice) {
  json content = json::array();
  for (const ContentBlock& block : choice.blocks) {
    switch (block.kind) {
      case ContentBlock::Kind::reasoning:
        add_thinking(content, choice.reasoning.substr(block.begin, block.size), block.signature);
        break;
      case ContentBlock::Kind::text: add_text(content, choice.text.substr(block.begin, block.size)); break;
      case ContentBlock::Kind::tool_call: content.push_back(tool_json(choice.tool_calls[block.begin])); break;
      case ContentBlock::Kind::opaque: add_opaque(content, block.opaque); break;
    }
  }
  json message = message_json(head, std::move(content), usage_json(choice.finished.usage));
  message["stop_reason"] = stop_reason(choice.finished, head.max_tokens);
  message["stop_sequence"] = stop_sequence_json(choice.finished);
  return dump(message);
}

std::string model_list(const std::vector<models::Model>& models) {
  json data = json::array();
  for (const models::Model& model : models) data.push_back(model_json(model));
  const json first = models.empty() ? json(nullptr) : json(models.front().name);
  const json last = models.empty() ? json(nullptr) : json(models.back().name);
  return dump({{"data", std::move(data)}, {"has_more", false}, {"first_id", first}, {"last_id", last}});
}

std::string model_info(const models::Model& model) { return dump(model_json(model)); }

}  // namespace hearth::api::anthropic
