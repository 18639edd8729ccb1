// SPDX-License-Identifier: Apache-2.0
#include "anthropic_blocks.hpp"

#include <utility>

namespace hearth::provider {
namespace {

using inference::Event;

Event opaque(const Json& json) {
  return {.choice = 0, .body = inference::Opaque{.wire = inference::Wire::anthropic, .json = dump(json)}};
}
Event text(std::string text) {
  return {.choice = 0, .body = inference::TextDelta{.text = std::move(text), .logprobs = {}, .tokens = {}}};
}
Event thought(std::string text, std::string signature) {
  return {.choice = 0, .body = inference::ReasoningDelta{.text = std::move(text), .signature = std::move(signature)}};
}

/// Members of a delta grow the block's members of the same names.
void grow(Json& block, std::string& input, const Json& delta) {
  for (const auto& [name, value] : delta.items()) {
    if (name == "type") continue;
    if (name == "partial_json" && value.is_string()) {
      input += value.get_ref<const std::string&>();
    } else if (Json& member = block[name]; member.is_string() && value.is_string()) {
      member.get_ref<std::string&>() += value.get_ref<const std::string&>();
    } else {
      member = value;
    }
  }
}

}  // namespace

void AnthropicBlocks::start(std::int64_t index, const Json& block, std::vector<Event>& out) {
  const std::string type = text_at(block, "type");
  if (type.empty()) return;
  if (type == "text") {
    start_text(block, out);
    open_[index] = {.kind = Kind::text, .call = 0, .held = {}, .json = {}};
  } else if (type == "thinking") {
    if (std::string first = text_at(block, "thinking"); !first.empty()) out.push_back(thought(std::move(first), {}));
    open_[index] = {.kind = Kind::thinking, .call = 0, .held = text_at(block, "signature"), .json = {}};
  } else if (type == "tool_use") {
    out.push_back({.choice = 0,
                   .body = inference::ToolCallDelta{
                       .index = calls_, .id = text_at(block, "id"), .name = text_at(block, "name"), .arguments = {}}});
    open_[index] = {.kind = Kind::tool, .call = calls_++, .held = {}, .json = {}};
  } else {
    open_[index] = {.kind = Kind::opaque, .call = 0, .held = {}, .json = block};
  }
  after_text_ = type == "text";
}

/// Neighbours are told apart, and what a text has beside its words (citations) is kept.
void AnthropicBlocks::start_text(const Json& block, std::vector<Event>& out) {
  bool plain = true;
  for (const auto& [name, value] : block.items())
    plain = plain && (name == "type" || name == "text" || value.is_null());
  if (!plain || after_text_) {
    Json opening = block;
    opening["text"] = "";
    out.push_back(opaque(opening));
  }
  if (std::string first = text_at(block, "text"); !first.empty()) out.push_back(text(std::move(first)));
}

void AnthropicBlocks::delta(std::int64_t index, const Json& delta, std::vector<Event>& out) {
  const auto found = open_.find(index);
  Block* const block = found == open_.end() ? nullptr : &found->second;
  if (block != nullptr && block->kind == Kind::opaque) return grow(block->json, block->held, delta);
  if (text_at(delta, "type") == "citations_delta") {
    out.push_back(opaque(delta));
  } else {
    give_delta(block, delta, out);
  }
}

void AnthropicBlocks::give_delta(Block* block, const Json& delta, std::vector<Event>& out) {
  if (std::string words = text_at(delta, "text"); !words.empty()) {
    out.push_back(text(std::move(words)));
  } else if (std::string thinking = text_at(delta, "thinking"); !thinking.empty()) {
    out.push_back(thought(std::move(thinking), {}));
  } else if (block == nullptr) {
    return;
  } else if (block->kind == Kind::thinking) {
    block->held += text_at(delta, "signature");
  } else if (std::string piece = text_at(delta, "partial_json"); !piece.empty() && block->kind == Kind::tool) {
    out.push_back(
        {.choice = 0,
         .body = inference::ToolCallDelta{.index = block->call, .id = {}, .name = {}, .arguments = std::move(piece)}});
  }
}

void AnthropicBlocks::stop(std::int64_t index, std::vector<Event>& out) {
  const auto found = open_.find(index);
  if (found == open_.end()) return;
  Block block = std::move(found->second);
  open_.erase(found);
  if (block.kind == Kind::thinking && !block.held.empty()) out.push_back(thought({}, std::move(block.held)));
  if (block.kind != Kind::opaque) return;
  if (Json input = parse_json(block.held); !input.is_null()) block.json["input"] = std::move(input);
  out.push_back(opaque(block.json));
}

void AnthropicBlocks::stop_all(std::vector<Event>& out) {
  while (!open_.empty()) stop(open_.begin()->first, out);
}

}  // namespace hearth::provider
