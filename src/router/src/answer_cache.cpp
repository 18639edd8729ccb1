// SPDX-License-Identifier: Apache-2.0
#include "answer_cache.hpp"

#include <fmt/format.h>

#include "hearth/base/checksum.hpp"

namespace hearth::router {
namespace {

/// Fields with their lengths, so that no two lists of fields give one text.
class Key {
 public:
  void add(std::string_view text) { fmt::format_to(std::back_inserter(out_), "{}:{}", text.size(), text); }
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) {
    if constexpr (std::is_enum_v<T>) {
      fmt::format_to(std::back_inserter(out_), "e{};", static_cast<int>(value));
    } else {
      fmt::format_to(std::back_inserter(out_), "n{};", value);
    }
  }
  void add(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const std::string& text : texts) add(std::string_view{text});
  }
  template <class T>
  void add(const std::optional<T>& value) {
    if (!value) {
      out_ += '-';
    } else {
      add(*value);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void add(Key& key, const inference::Sampling& s) {
  key.add(s.seed);
  for (const auto& value :
       {s.temperature, s.dynatemp_range, s.dynatemp_exponent, s.top_p, s.min_p, s.typical_p, s.top_n_sigma,
        s.xtc_probability, s.xtc_threshold, s.repeat_penalty, s.frequency_penalty, s.presence_penalty, s.dry_multiplier,
        s.dry_base, s.mirostat_tau, s.mirostat_eta, s.adaptive_target, s.adaptive_decay}) {
    key.add(value);
  }
  for (const auto& value :
       {s.top_k, s.repeat_last_n, s.dry_allowed_length, s.dry_penalty_last_n, s.mirostat, s.min_keep}) {
    key.add(value);
  }
  key.add(s.dry_sequence_breakers);
  key.add(s.samplers);
  key.add(s.ignore_eos);
  for (const inference::LogitBias& bias : s.logit_bias) {
    if (const auto* id = std::get_if<std::int32_t>(&bias.token)) key.add(*id);
    if (const auto* text = std::get_if<std::string>(&bias.token)) key.add(std::string_view{*text});
    key.add(bias.bias);
  }
}

void add(Key& key, const inference::Generation& g) {
  key.add(g.max_tokens);
  key.add(g.stop);
  add(key, g.sampling);
  key.add(g.constraint.kind);
  key.add(g.constraint.text);
  key.add(g.constraint.choices);
  key.add(g.n);
  key.add(g.logprobs);
  key.add(g.cache_salt);
  key.add(g.time_limit ? g.time_limit->count() : -1);
}

void add(Key& key, const inference::Message& message) {
  key.add(message.role);
  for (const inference::ContentPart& part : message.content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      key.add('t');
      key.add(text->text);
    } else {
      const auto& image = std::get<inference::ImagePart>(part);
      key.add('i');
      key.add(image.mime_type);
      key.add(image.bytes);
      key.add(image.url);
    }
  }
  key.add('.');
  key.add(message.reasoning);
  for (const inference::ToolCall& call : message.tool_calls) {
    key.add(call.id);
    key.add(call.name);
    key.add(call.arguments);
  }
  key.add('.');
  key.add(message.tool_call_id);
  key.add(message.tool_name);
}

void add(Key& key, const inference::ChatRequest& request) {
  for (const inference::Message& message : request.messages) add(key, message);
  key.add('.');
  for (const inference::Tool& tool : request.tools) {
    key.add(tool.name);
    key.add(tool.description);
    key.add(tool.parameters);
    key.add(tool.strict);
  }
  if (request.verbatim && request.verbatim->beyond) key.add(*request.verbatim->body);
  key.add(request.tool_choice.mode);
  key.add(request.tool_choice.name);
  key.add(request.parallel_tool_calls);
  key.add(request.reasoning.enabled);
  key.add(request.reasoning.budget_tokens);
  key.add(request.reasoning.effort);
  key.add(request.reasoning.separate);
  for (const auto& [name, value] : request.template_arguments) {
    key.add(name);
    key.add(value);
  }
  key.add(request.add_generation_prompt);
  key.add(request.continue_final_message);
  key.add(request.template_override);
  key.add(request.system_default);
  add(key, request.generation);
}

void add(Key& key, const inference::CompletionRequest& request) {
  if (const auto* text = std::get_if<std::string>(&request.prompt)) key.add(std::string_view{*text});
  if (const auto* tokens = std::get_if<std::vector<inference::TokenId>>(&request.prompt)) {
    for (const inference::TokenId token : *tokens) key.add(token);
  }
  key.add(request.add_special);
  key.add(request.parse_special);
  key.add(request.suffix);
  for (const auto& [name, text] : request.infill_files) {
    key.add(name);
    key.add(text);
  }
  key.add(request.prompt_logprobs);
  add(key, request.generation);
}

}  // namespace

std::string cache_key(const Ask& ask, std::string_view route, std::string_view salt, std::string_view principal) {
  Key key;
  key.add(route);
  key.add(salt);
  key.add(principal);
  key.add(ask.index());
  std::visit([&](const auto& request) { add(key, request); }, ask);
  return key.take();
}

std::size_t bytes_of(const inference::Event& event) {
  std::size_t bytes = sizeof event;
  if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    bytes += text->text.size() + text->tokens.size() * sizeof(inference::TokenId);
    for (const inference::TokenLogprob& one : text->logprobs) {
      bytes += sizeof one + one.bytes.size() + one.top.size() * (sizeof(inference::TokenLogprob::Alternative) + 8);
    }
  } else if (const auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    bytes += thought->text.size() + thought->signature.size();
  } else if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    bytes += call->id.size() + call->name.size() + call->arguments.size() + call->signature.size();
  } else if (const auto* opaque = std::get_if<inference::Opaque>(&event.body)) {
    bytes += opaque->json.size();
  } else if (const auto* prompt = std::get_if<inference::PromptDone>(&event.body)) {
    bytes += prompt->prompt_logprobs.size() * sizeof(inference::TokenLogprob);
  }
  return bytes;
}

std::shared_ptr<const CachedAnswer> AnswerCache::find(const std::string& key, Clock::time_point now) const {
  auto found = slots_[hash_of(key) % kSlots].load();
  return found && found->until > now && found->key == key ? found : nullptr;
}

void AnswerCache::put(CachedAnswer answer) {
  const std::size_t slot = hash_of(answer.key) % kSlots;
  slots_[slot].store(std::make_shared<const CachedAnswer>(std::move(answer)));
}

void AnswerCache::clear() {
  for (auto& slot : slots_) slot.store(nullptr);
}

}  // namespace hearth::router
