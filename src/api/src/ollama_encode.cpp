// SPDX-License-Identifier: Apache-2.0
#include "ollama_encode.hpp"

#include <fmt/format.h>

#include "error_render.hpp"
#include "hearth/base/text.hpp"
#include "json_dump.hpp"
#include "json_write.hpp"
#include "rfc3339.hpp"

namespace hearth::api::ollama {
namespace {

using inference::FinishReason;
using nlohmann::json;

json token_json(const std::string& bytes, float logprob) {
  json numbers = json::array();
  for (const char c : bytes) numbers.push_back(static_cast<unsigned char>(c));
  return {{"token", text::to_valid_utf8(bytes)}, {"logprob", logprob}, {"bytes", std::move(numbers)}};
}

json logprobs_json(const std::vector<inference::TokenLogprob>& tokens) {
  json out = json::array();
  for (const inference::TokenLogprob& token : tokens) {
    json entry = token_json(token.bytes, token.logprob);
    if (!token.top.empty()) {
      json top = json::array();
      for (const auto& other : token.top) top.push_back(token_json(other.bytes, other.logprob));
      entry["top_logprobs"] = std::move(top);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

json call_json(const inference::ToolCall& call, std::size_t index) {
  json arguments = json::parse(call.arguments, nullptr, /*allow_exceptions=*/false);
  // Cut off by the length limit: no object can be made of half a one. done_reason "length" tells.
  if (!arguments.is_object()) arguments = json::object();
  json out{{"function", {{"index", index}, {"name", call.name}, {"arguments", std::move(arguments)}}}};
  if (!call.id.empty()) out["id"] = call.id;
  return out;
}

json object_json(const AnswerHead& head, const std::string& text, const std::string& thinking) {
  json object{{"model", head.model}, {"created_at", rfc3339(head.now())}, {"done", false}};
  if (head.shape == Shape::generate) {
    object["response"] = text;
    if (!thinking.empty()) object["thinking"] = thinking;
  } else {
    object["message"] = {{"role", "assistant"}, {"content", text}};
    if (!thinking.empty()) object["message"]["thinking"] = thinking;
  }
  return object;
}

void append_line(const json& object, std::string& out) { (out += dump(object)) += '\n'; }

void put_end(const AnswerHead& head, const inference::Finished& f, json& object) {
  object["done"] = true;
  object["done_reason"] = f.reason == FinishReason::length ? "length" : "stop";
  object["total_duration"] = (f.timings.load + f.timings.queue + f.timings.prompt + f.timings.generation).count();
  object["load_duration"] = f.timings.load.count();
  object["prompt_eval_count"] = f.usage.prompt_tokens;
  object["prompt_eval_duration"] = f.timings.prompt.count();
  object["eval_count"] = f.usage.completion_tokens;
  object["eval_duration"] = f.timings.generation.count();
  if (head.context && !head.context->empty()) object["context"] = *head.context;
}

}  // namespace

void AnswerStream::event(const inference::Event& event, std::string& out) {
  if (const auto* d = std::get_if<inference::TextDelta>(&event.body)) text(*d, out);
  if (const auto* d = std::get_if<inference::ReasoningDelta>(&event.body); d != nullptr && !d->text.empty()) {
    flush_call(out);
    append_line(object_json(head_, {}, d->text), out);
  }
  if (const auto* d = std::get_if<inference::ToolCallDelta>(&event.body)) tool(*d, out);
  if (const auto* d = std::get_if<inference::Finished>(&event.body)) finished_ = *d;
}

void AnswerStream::text(const inference::TextDelta& delta, std::string& out) {
  if (delta.text.empty() && delta.logprobs.empty()) return;
  flush_call(out);
  json object = object_json(head_, delta.text, {});
  if (!delta.logprobs.empty()) object["logprobs"] = logprobs_json(delta.logprobs);
  append_line(object, out);
}

void AnswerStream::tool(const inference::ToolCallDelta& delta, std::string& out) {
  if (call_ && call_index_ != delta.index) flush_call(out);
  if (!call_) {
    call_ = inference::ToolCall{.id = delta.id, .name = delta.name, .arguments = {}};
    call_index_ = delta.index;
  }
  call_->arguments += delta.arguments;
}

void AnswerStream::flush_call(std::string& out) {
  if (!call_) return;
  json object = object_json(head_, {}, {});
  object["message"]["tool_calls"] = json::array({call_json(*call_, call_index_)});
  call_.reset();
  append_line(object, out);
}

void AnswerStream::failed(const Error& error, std::string& out) {
  (out += error_body(Family::ollama, error, {})) += '\n';
}

void AnswerStream::end(std::string& out) {
  flush_call(out);
  json object = object_json(head_, {}, {});
  put_end(head_, finished_, object);
  append_line(object, out);
}

std::string answer_body(const AnswerHead& head, const CollectedChoice& choice) {
  json object = object_json(head, choice.text, choice.reasoning);
  if (!choice.tool_calls.empty()) {
    json calls = json::array();
    for (std::size_t i = 0; i < choice.tool_calls.size(); ++i) calls.push_back(call_json(choice.tool_calls[i], i));
    object["message"]["tool_calls"] = std::move(calls);
  }
  if (!choice.logprobs.empty()) object["logprobs"] = logprobs_json(choice.logprobs);
  put_end(head, choice.finished, object);
  return dump(object);
}

std::string loaded_body(const AnswerHead& head, std::string_view reason) {
  json object = object_json(head, {}, {});
  object["done"] = true;
  object["done_reason"] = reason;
  return dump(object);
}

std::string embed_body(const std::string& model, const inference::Embeddings& made, std::chrono::nanoseconds took) {
  std::string out = R"({"model":)";
  append_json_string(out, model);
  out += R"(,"embeddings":[)";
  for (const std::vector<float>& vector : made.vectors) {
    if (out.back() != '[') out += ',';
    append_json_floats(out, vector);
  }
  return out += fmt::format(R"(],"total_duration":{},"load_duration":0,"prompt_eval_count":{}}})", took.count(),
                            made.prompt_tokens);
}

std::string embedding_body(const inference::Embeddings& made) {
  std::string out = R"({"embedding":)";
  append_json_floats(out, made.vectors.empty() ? std::vector<float>{} : made.vectors.front());
  return out += "}";
}

std::string progress_line(const models::Progress& progress) {
  json object{{"status", progress.status}};
  if (!progress.digest.empty()) object["digest"] = progress.digest;
  if (progress.total != 0) {
    object["total"] = progress.total;
    object["completed"] = progress.completed;
  }
  std::string out;
  append_line(object, out);
  return out;
}

}  // namespace hearth::api::ollama
