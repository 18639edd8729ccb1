// SPDX-License-Identifier: Apache-2.0
#include "responses_object.hpp"

#include "hearth/base/id.hpp"

namespace hearth::api::openai {
namespace {

Json usage_of(const inference::Usage& usage) {
  Json out{{"input_tokens", usage.prompt_tokens},
           {"input_tokens_details", Json{{"cached_tokens", usage.cached_tokens}}},
           {"output_tokens", usage.completion_tokens},
           {"output_tokens_details", Json{{"reasoning_tokens", usage.reasoning_tokens}}},
           {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  if (usage.cost_usd) out["cost"] = *usage.cost_usd;
  return out;
}

std::string_view prefix_of(OutputItem::Kind kind) {
  switch (kind) {
    case OutputItem::Kind::reasoning: return "rs_";
    case OutputItem::Kind::message: return "msg_";
    case OutputItem::Kind::function_call: return "fc_";
  }
  return "item_";
}

}  // namespace

Json part_json(const OutputItem& item) {
  if (item.kind == OutputItem::Kind::reasoning) return Json{{"type", "reasoning_text"}, {"text", item.text}};
  return Json{{"type", "output_text"},
              {"text", item.text},
              {"annotations", Json::array()},
              {"logprobs", Json::parse("[" + item.logprobs + "]")}};
}

Json item_json(const OutputItem& item, std::string_view status) {
  const bool begun = status == "in_progress";
  Json parts = Json::array();
  if (!begun && item.kind != OutputItem::Kind::function_call) parts.push_back(part_json(item));
  switch (item.kind) {
    case OutputItem::Kind::reasoning:
      return Json{{"id", item.id},
                  {"type", "reasoning"},
                  {"summary", Json::array()},
                  {"content", std::move(parts)},
                  {"status", status}};
    case OutputItem::Kind::message:
      return Json{{"id", item.id},
                  {"type", "message"},
                  {"status", status},
                  {"role", "assistant"},
                  {"content", std::move(parts)}};
    case OutputItem::Kind::function_call:
      return Json{{"id", item.id},           {"type", "function_call"},
                  {"status", status},        {"arguments", begun ? std::string{} : item.text},
                  {"call_id", item.call_id}, {"name", item.name}};
  }
  return Json{};
}

OutputItem& ResponseObject::open(OutputItem::Kind kind) {
  OutputItem& item = items_.emplace_back();
  item.kind = kind;
  item.id = random_id(prefix_of(kind));
  return item;
}

std::string_view ResponseObject::status() const noexcept {
  if (error_) return "failed";
  if (!finished_) return "in_progress";
  return incomplete_reason().empty() ? "completed" : "incomplete";
}

std::string_view ResponseObject::incomplete_reason() const noexcept {
  if (!finished_) return {};
  if (finished_->reason == inference::FinishReason::length) return "max_output_tokens";
  return finished_->reason == inference::FinishReason::content_filter ? "content_filter" : "";
}

std::string_view ResponseObject::status_of(std::size_t index) const noexcept {
  const std::string_view all = status();
  return index + 1 == items_.size() && all != "completed" ? "incomplete" : "completed";
}

Json ResponseObject::json() const {
  Json output = Json::array();
  for (std::size_t i = 0; i < items_.size(); ++i) output.push_back(item_json(items_[i], status_of(i)));
  const bool incomplete = status() == "incomplete";
  Json out{{"id", head_.id},
           {"object", "response"},
           {"created_at", head_.created},
           {"status", status()},
           {"background", false},
           {"error", error_ ? Json{{"code", traits(error_->code).name}, {"message", error_->message}} : Json{}},
           {"incomplete_details", incomplete ? Json{{"reason", incomplete_reason()}} : Json{}},
           {"model", head_.model},
           {"output", std::move(output)}};
  out.update(echo_);
  out["usage"] = finished_ ? usage_of(finished_->usage) : Json{};
  return out;
}

inference::Message ResponseObject::message() const {
  inference::Message out;
  out.role = "assistant";
  for (const OutputItem& item : items_) {
    switch (item.kind) {
      case OutputItem::Kind::reasoning: out.reasoning += item.text; break;
      case OutputItem::Kind::message: out.content.emplace_back(inference::TextPart{item.text}); break;
      case OutputItem::Kind::function_call: out.tool_calls.push_back({item.call_id, item.name, item.text}); break;
    }
  }
  return out;
}

void add_choice(ResponseObject& response, const CollectedChoice& choice) {
  if (!choice.reasoning.empty()) response.open(OutputItem::Kind::reasoning).text = choice.reasoning;
  if (!choice.text.empty() || choice.tool_calls.empty()) {
    OutputItem& item = response.open(OutputItem::Kind::message);
    item.text = choice.text;
    for (const auto& token : choice.logprobs) {
      if (!item.logprobs.empty()) item.logprobs += ',';
      append_logprob(item.logprobs, token);
    }
  }
  for (const inference::ToolCall& call : choice.tool_calls) {
    OutputItem& item = response.open(OutputItem::Kind::function_call);
    item.call_id = call.id;
    item.name = call.name;
    item.text = call.arguments;
  }
  response.finish(choice.finished);
}

}  // namespace hearth::api::openai
