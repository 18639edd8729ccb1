// SPDX-License-Identifier: Apache-2.0
#include "native_encode.hpp"

#include <algorithm>

#include "error_render.hpp"
#include "hearth/base/text.hpp"
#include "json_dump.hpp"

namespace hearth::api::native {
namespace {

using inference::FinishReason;
using nlohmann::json;

void append_sse(const json& data, std::string& out) { ((out += "data: ") += dump(data)) += "\n\n"; }

json bytes_json(const std::string& bytes) {
  json out = json::array();
  for (const char c : bytes) out.push_back(static_cast<unsigned char>(c));
  return out;
}

json token_json(inference::TokenId id, const std::string& bytes, float logprob) {
  return {{"id", id}, {"token", text::to_valid_utf8(bytes)}, {"bytes", bytes_json(bytes)}, {"logprob", logprob}};
}

json probabilities_json(const std::vector<inference::TokenLogprob>& tokens) {
  json out = json::array();
  for (const auto& token : tokens) {
    json entry = token_json(token.id, token.bytes, token.logprob);
    entry["top_logprobs"] = json::array();
    for (const auto& other : token.top) {
      entry["top_logprobs"].push_back(token_json(other.id, other.bytes, other.logprob));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

const char* stop_type(const inference::Finished& finished) {
  switch (finished.reason) {
    case FinishReason::length: return "limit";
    case FinishReason::stop_sequence: return "word";
    case FinishReason::stop:
    case FinishReason::tool_calls:
    case FinishReason::content_filter:
    case FinishReason::paused: break;
  }
  return "eos";
}

double milliseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }
double ratio(double a, double b) { return b > 0 ? a / b : 0; }

json final_json(const CompletionView& view, std::int32_t index, const inference::Finished& f) {
  const auto prompt = static_cast<std::size_t>(index / std::max(view.choices, 1));
  return {{"index", index},
          {"content", ""},
          {"tokens", json::array()},
          {"id_slot", -1},
          {"stop", true},
          {"model", view.model},
          {"tokens_predicted", f.usage.completion_tokens},
          {"tokens_evaluated", f.usage.prompt_tokens},
          {"generation_settings", view.settings},
          {"prompt", prompt < view.prompts.size() ? view.prompts[prompt] : std::string{}},
          {"has_new_line", false},
          {"truncated", false},
          {"stop_type", stop_type(f)},
          {"stopping_word", f.stop_sequence},
          {"tokens_cached", f.usage.prompt_tokens + f.usage.completion_tokens},
          {"timings", timings_json(f.usage, f.timings)}};
}

/// The value at "a/b/c", or null.
const json* find_path(const json& object, std::string_view path) {
  const json* at = &object;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string{path.substr(0, slash)});
    if (found == at->end()) return nullptr;
    at = &*found;
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return at;
}

json selected(const CompletionView& view, json object) {
  if (view.response_fields.empty()) return object;
  json out = json::object();
  for (const std::string& path : view.response_fields) {
    if (const json* found = find_path(object, path)) out[path.substr(path.rfind('/') + 1)] = *found;
  }
  return out;
}

}  // namespace

json timings_json(const inference::Usage& usage, const inference::Timings& timings) {
  const double prompt_ms = milliseconds(timings.prompt);
  const double predicted_ms = milliseconds(timings.generation);
  const auto prompt_n = static_cast<double>(usage.prompt_tokens - usage.cached_tokens);
  const auto predicted_n = static_cast<double>(usage.completion_tokens);
  return {{"cache_n", usage.cached_tokens},
          {"prompt_n", usage.prompt_tokens - usage.cached_tokens},
          {"prompt_ms", prompt_ms},
          {"prompt_per_token_ms", ratio(prompt_ms, prompt_n)},
          {"prompt_per_second", ratio(1e3 * prompt_n, prompt_ms)},
          {"predicted_n", usage.completion_tokens},
          {"predicted_ms", predicted_ms},
          {"predicted_per_token_ms", ratio(predicted_ms, predicted_n)},
          {"predicted_per_second", ratio(1e3 * predicted_n, predicted_ms)}};
}

void CompletionStream::event(const inference::Event& event, std::string& out) {
  const auto slot = static_cast<std::size_t>(event.choice);
  if (slot >= progress_.size()) progress_.resize(slot + 1);
  Progress& progress = progress_[slot];
  if (const auto* done = std::get_if<inference::PromptDone>(&event.body)) {
    progress.prompt_tokens = done->prompt_tokens;
    prompt(event.choice, *done, out);
  } else if (const auto* delta = std::get_if<inference::TextDelta>(&event.body)) {
    progress.predicted += static_cast<std::int64_t>(delta->tokens.size());
    progress.has_new_line = progress.has_new_line || delta->text.find('\n') != std::string::npos;
    if (!delta->text.empty() || !delta->tokens.empty()) partial(event.choice, progress, *delta, out);
  } else if (const auto* finished = std::get_if<inference::Finished>(&event.body)) {
    json object = final_json(view_, event.choice, *finished);
    object["has_new_line"] = progress.has_new_line;
    append_sse(selected(view_, std::move(object)), out);
  }
}

void CompletionStream::prompt(std::int32_t index, const inference::PromptDone& prompt, std::string& out) const {
  if (!view_.return_progress) return;
  json progress{{"total", prompt.prompt_tokens}, {"cache", prompt.cached_tokens}, {"processed", prompt.prompt_tokens}};
  append_sse({{"index", index},
              {"content", ""},
              {"tokens", json::array()},
              {"stop", false},
              {"id_slot", -1},
              {"prompt_progress", std::move(progress)}},
             out);
}

void CompletionStream::partial(std::int32_t index, const Progress& progress, const inference::TextDelta& delta,
                               std::string& out) const {
  json object{{"index", index},
              {"content", delta.text},
              {"tokens", view_.return_tokens ? json(delta.tokens) : json::array()},
              {"stop", false},
              {"id_slot", -1},
              {"tokens_predicted", progress.predicted},
              {"tokens_evaluated", progress.prompt_tokens}};
  if (!delta.logprobs.empty()) object["completion_probabilities"] = probabilities_json(delta.logprobs);
  append_sse(object, out);
}

void CompletionStream::failed(const Error& error, std::string& out) {
  ((out += "data: ") += error_body(Family::llama_server, error, {})) += "\n\n";
}

json completion_json(const CompletionView& view, std::int32_t index, const CollectedChoice& choice) {
  json object = final_json(view, index, choice.finished);
  object["content"] = choice.text;
  object["has_new_line"] = choice.text.find('\n') != std::string::npos;
  if (view.return_tokens) object["tokens"] = choice.tokens;
  if (!choice.logprobs.empty()) object["completion_probabilities"] = probabilities_json(choice.logprobs);
  return selected(view, std::move(object));
}

}  // namespace hearth::api::native
