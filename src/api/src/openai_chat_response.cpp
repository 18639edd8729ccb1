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

void append_choice(std::string& out, std::size_t index, const CollectedChoice& choice, bool logprobs) {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(R"({{"index":{},"message":{{"role":"assistant","content":)"),
                 index);
  const bool only_calls = choice.text.empty() && !choice.tool_calls.empty();
  if (only_calls) {
    out += "null";
  } else {
    append_json_string(out, choice.text);
  }
  out += R"(,"refusal":null)";
  if (!choice.reasoning.empty()) {
    out += R"(,"reasoning_content":)";
    append_json_string(out, choice.reasoning);
  }
  if (!choice.tool_calls.empty()) {
    out += R"(,"tool_calls":)";
    append_tool_calls(out, choice.tool_calls);
  }
  out += R"(},"logprobs":)";
  out += logprobs ? chat_logprobs(choice.logprobs) : "null";
  out += R"(,"finish_reason":")";
  out += finish_word(choice.finished.reason);
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
    text(event.choice, *delta, out);
  } else if (const auto* thought = std::get_if<ReasoningDelta>(&event.body)) {
    open(event.choice, out);
    out += R"(,"delta":{"reasoning_content":)";
    append_json_string(out, thought->text);
    close(out);
  } else if (const auto* call = std::get_if<ToolCallDelta>(&event.body)) {
    tool(event.choice, *call, out);
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
  open(choice, out);
  fmt::format_to(std::back_inserter(out), R"({}}},"logprobs":null,"finish_reason":"{}"}}])", kOpenDelta,
                 finish_word(finished.reason));
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
