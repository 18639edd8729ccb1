// SPDX-License-Identifier: Apache-2.0
#include "openai_chat_response.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <iterator>

#include "json_write.hpp"

namespace hearth::api::openai {
namespace {

using namespace inference;

constexpr std::string_view kOpenDelta = R"(,"delta":{)";
constexpr std::string_view kCloseDelta = R"(},"logprobs":null,"finish_reason":null}])";

/// Puts deltas together: texts and lists grow.
void merge(Json& into, const Json& delta) {
  if (into.is_object() && delta.is_object()) {
    for (const auto& [name, value] : delta.items()) merge(into[name], value);
  } else if (into.is_array() && delta.is_array()) {
    into.insert(into.end(), delta.begin(), delta.end());
  } else if (into.is_string() && delta.is_string()) {
    into.get_ref<std::string&>() += delta.get_ref<const std::string&>();
  } else {
    into = delta;
  }
}

void append_opaque(std::string& out, const CollectedChoice& choice) {
  Json all = Json::object();
  for (const ContentBlock& block : choice.blocks) {
    if (block.opaque.wire == Wire::openai) merge(all, Json::parse(block.opaque.json, nullptr, false));
  }
  for (const auto& [name, value] : all.items()) {
    out += ',';
    append_json_string(out, name);
    out += ':';
    out += dump(value);
  }
}

/// OpenAI ends with "stop" where it says in words why it refuses.
std::string_view end_word(FinishReason reason, bool refused) {
  return refused && reason == FinishReason::content_filter ? "stop" : finish_word(reason);
}

void append_choice(std::string& out, std::size_t index, const CollectedChoice& choice, bool logprobs) {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(R"({{"index":{},"message":{{"role":"assistant","content":)"),
                 index);
  const bool only_calls = choice.text.empty() && !choice.tool_calls.empty();
  if (only_calls || choice.refused) {
    out += "null";
  } else {
    append_json_string(out, choice.text);
  }
  out += R"(,"refusal":)";
  if (choice.refused) {
    append_json_string(out, choice.text);
  } else {
    out += "null";
  }
  if (!choice.reasoning.empty()) {
    out += R"(,"reasoning_content":)";
    append_json_string(out, choice.reasoning);
  }
  if (!choice.tool_calls.empty()) {
    out += R"(,"tool_calls":)";
    append_tool_calls(out, choice.tool_calls);
  }
  append_opaque(out, choice);
  out += R"(},"logprobs":)";
  out += logprobs ? chat_logprobs(choice.logprobs) : "null";
  out += R"(,"finish_reason":")";
  out += end_word(choice.finished.reason, choice.refused);
  out += R"("})";
}

}  // namespace

std::string chat_body(const Head& head, const std::vector<CollectedChoice>& choices, bool logprobs) {
  std::string out = R"({"id":)";
  append_json_string(out, head.id);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(R"(,"object":"chat.completion","created":{},"model":)"),
                 head.created);
  append_json_string(out, head.model);
  out += R"(,"choices":[)";
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += ',';
    append_choice(out, i, choices[i], logprobs);
  }
  out += R"(],"usage":)";
  append_usage(out, total_usage(choices, std::max<std::size_t>(choices.size(), 1)));
  out += R"(,"service_tier":"default","system_fingerprint":)";
  append_json_string(out, head.fingerprint);
  out += '}';
  return out;
}

ChatEncoder::ChatEncoder(const Head& head, bool include_usage) : include_usage_{include_usage} {
  head_ = R"(data: {"id":)";
  append_json_string(head_, head.id);
  head_ += fmt::format(R"(,"object":"chat.completion.chunk","created":{},"model":)", head.created);
  append_json_string(head_, head.model);
  head_ += R"(,"system_fingerprint":)";
  append_json_string(head_, head.fingerprint);
  head_ += R"(,"choices":[)";
  tail_ = include_usage ? R"(,"usage":null})" : "}";
  tail_ += "\n\n";
}

void ChatEncoder::open(std::int32_t choice, std::string& out) const {
  out += head_;
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(R"({{"index":{})"), choice);
}

void ChatEncoder::close(std::string& out) const {
  out += kCloseDelta;
  out += tail_;
}

void ChatEncoder::event(const Event& event, std::string& out) {
  if (std::holds_alternative<PromptDone>(event.body)) {
    open(event.choice, out);
    out += R"(,"delta":{"role":"assistant","content":"","refusal":null)";
    close(out);
  } else if (const auto* delta = std::get_if<TextDelta>(&event.body)) {
    delta->refusal ? refusal(event.choice, delta->text, out) : text(event.choice, *delta, out);
  } else if (const auto* thought = std::get_if<ReasoningDelta>(&event.body)) {
    if (thought->text.empty()) return;
    open(event.choice, out);
    out += R"(,"delta":{"reasoning_content":)";
    append_json_string(out, thought->text);
    close(out);
  } else if (const auto* call = std::get_if<ToolCallDelta>(&event.body)) {
    tool(event.choice, *call, out);
  } else if (const auto* rest = std::get_if<Opaque>(&event.body)) {
    opaque(event.choice, *rest, out);
  } else if (const auto* finished = std::get_if<Finished>(&event.body)) {
    finish(event.choice, *finished, out);
  }
}

void ChatEncoder::text(std::int32_t choice, const TextDelta& delta, std::string& out) const {
  if (delta.text.empty() && delta.logprobs.empty()) return;
  open(choice, out);
  out += R"(,"delta":{"content":)";
  append_json_string(out, delta.text);
  if (delta.logprobs.empty()) return close(out);
  out += R"(},"logprobs":)";
  out += chat_logprobs(delta.logprobs);
  out += R"(,"finish_reason":null}])";
  out += tail_;
}

void ChatEncoder::refusal(std::int32_t choice, const std::string& text, std::string& out) {
  const auto slot = static_cast<std::size_t>(choice);
  if (slot >= refused_.size()) refused_.resize(slot + 1);
  refused_[slot] = true;
  open(choice, out);
  out += R"(,"delta":{"refusal":)";
  append_json_string(out, text);
  close(out);
}

void ChatEncoder::opaque(std::int32_t choice, const Opaque& opaque, std::string& out) const {
  if (opaque.wire != Wire::openai) return;
  open(choice, out);
  out += R"(,"delta":)";
  out.append(opaque.json, 0, opaque.json.size() - 1);  // close() has the last brace
  close(out);
}

void ChatEncoder::tool(std::int32_t choice, const ToolCallDelta& delta, std::string& out) const {
  open(choice, out);
  fmt::format_to(std::back_inserter(out), R"(,"delta":{{"tool_calls":[{{"index":{},)", delta.index);
  if (!delta.id.empty()) {
    out += R"("id":)";
    append_json_string(out, delta.id);
    out += R"(,"type":"function",)";
  }
  out += R"("function":{)";
  if (!delta.name.empty()) {
    out += R"("name":)";
    append_json_string(out, delta.name);
    out += ',';
  }
  out += R"("arguments":)";
  append_json_string(out, delta.arguments);
  out += "}}]";
  close(out);
}

void ChatEncoder::finish(std::int32_t choice, const Finished& finished, std::string& out) {
  const auto slot = static_cast<std::size_t>(choice);
  const bool refused = slot < refused_.size() && refused_[slot];
  open(choice, out);
  fmt::format_to(std::back_inserter(out), R"({}}},"logprobs":null,"finish_reason":"{}"}}])", kOpenDelta,
                 end_word(finished.reason, refused));
  out += tail_;
  usage_.add_choice(finished.usage);
}

void ChatEncoder::failed(const Error& error, std::string& out) {
  out += "data: ";
  out += error_body(Family::openai, error, {});
  out += "\n\n";
}

void ChatEncoder::end(std::string& out) {
  if (include_usage_) {
    out += head_;
    out += R"(],"usage":)";
    append_usage(out, usage_);
    out += "}\n\n";
  }
  out += "data: [DONE]\n\n";
}

}  // namespace hearth::api::openai
