// SPDX-License-Identifier: Apache-2.0
#include "native_decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sampling_reader.hpp"

namespace hearth::api::native {
namespace {

using inference::TokenId;
using Kind = JsonValue::Kind;
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

/// A field for something that Hearth has not got: only the value that leaves it unused is taken.
void only_integer(JsonReader& r, std::string_view name, std::int64_t unused, std::string_view why) {
  const auto value =
      r.integer(name, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  if (value && *value != unused) r.fail(name, fmt::format("can only be {}: {}", unused, why), ErrorCode::unsupported);
}

void only_false(JsonReader& r, std::string_view name, std::string_view why) {
  if (r.boolean(name).value_or(false)) r.fail(name, fmt::format("can only be false: {}", why), ErrorCode::unsupported);
}

void only_empty(JsonReader& r, std::string_view name, std::string_view why) {
  const auto value = r.value(name);
  if (value && (!value->is(Kind::array) || value->size() != 0)) {
    value->fail(fmt::format("can only be an empty list: {}", why), ErrorCode::unsupported);
  }
}

void refuse_unsupported(JsonReader& r) {
  constexpr std::string_view kNoShift = "the context is never shifted here";
  only_integer(r, "id_slot", -1, "this server has no fixed slots");
  only_integer(r, "n_keep", 0, kNoShift);
  only_integer(r, "n_discard", 0, kNoShift);
  only_integer(r, "n_indent", 0, "it is not supported");
  only_integer(r, "n_cache_reuse", 0, "only whole prefixes are reused");
  only_integer(r, "reasoning_budget_tokens", -1, "a raw prompt has no reasoning; use /v1/chat/completions");
  only_false(r, "post_sampling_probs", "probabilities are those before sampling");
  only_false(r, "backend_sampling", "it is not supported");
  only_false(r, "grammar_lazy", "it is not supported");
  only_false(r, "echo", "use /v1/completions");
  only_false(r, "verbose", "it is not supported");
  only_false(r, "reasoning_control", "it is not supported");
  only_empty(r, "lora", "make a model with ADAPTER in its Modelfile");
  only_empty(r, "grammar_triggers", "it is not supported");
  only_empty(r, "preserved_tokens", "it is not supported");
}

std::vector<TokenId> read_tokens(const JsonValue& value) {
  std::vector<TokenId> out;
  value.each(kMaxPromptTokens, [&](const JsonValue& token) {
    if (token.is(Kind::string)) return token.fail("mixes text with token ids; use /tokenize and send ids alone");
    out.push_back(static_cast<TokenId>(token.integer(0, kMaxInt)));
  });
  return out;
}

Prompt read_prompt(const JsonValue& value) {
  if (value.is(Kind::array)) return read_tokens(value);
  if (!value.is(Kind::object)) return value.string();
  std::string text;
  value.object([&](JsonReader& r) {
    text = r.required_string("prompt_string");
    only_empty(r, "multimodal_data", "no model here can see or hear");
  });
  return text;
}

/// One prompt, or a list of them. A list of numbers is one prompt of token ids.
std::vector<Prompt> read_prompts(const JsonValue& value, bool& several) {
  std::vector<Prompt> out;
  if (!value.is(Kind::array)) {
    out.push_back(read_prompt(value));
    return out;
  }
  bool has_number = false;
  value.each(kMaxPromptTokens, [&](const JsonValue& item) { has_number = has_number || item.is(Kind::integer); });
  if (has_number) {
    out.emplace_back(read_tokens(value));
    return out;
  }
  several = true;
  if (value.size() == 0) value.fail("must not be empty");
  value.each(kMaxPrompts, [&](const JsonValue& item) { out.push_back(read_prompt(item)); });
  return out;
}

/// One value under several names, as llama-server has it.
std::optional<std::int64_t> read_alias(JsonReader& r, std::initializer_list<std::string_view> names, std::int64_t least,
                                       std::int64_t most) {
  std::optional<std::int64_t> found;
  for (const std::string_view name : names) {
    const auto value = r.integer(name, least, most);
    if (value && found && *value != *found) r.fail(name, fmt::format("contradicts {}", *names.begin()));
    if (value) found = value;
  }
  return found;
}

void read_generation(JsonReader& r, inference::Generation& out) {
  read_sampling(r, out.sampling);
  read_stop(r, "stop", out.stop);
  read_constraint(r, out.constraint);
  const auto tokens = read_alias(r, {"n_predict", "max_tokens", "max_completion_tokens"}, -1, kMaxInt);
  if (tokens && *tokens >= 0) out.max_tokens = static_cast<std::int32_t>(*tokens);
  if (const auto n = read_alias(r, {"n_cmpl", "n"}, 1, inference::kMaxChoices)) out.n = static_cast<std::int32_t>(*n);
  const auto probs = read_alias(r, {"n_probs", "logprobs"}, 0, kMaxTopLogprobs);
  if (probs && *probs > 0) out.logprobs = static_cast<std::int32_t>(*probs);
  out.cache_prompt = r.boolean("cache_prompt").value_or(true);
  if (const auto ms = r.integer("t_max_predict_ms", -1, kMaxInt); ms && *ms > 0) {
    out.time_limit = std::chrono::milliseconds{*ms};
  }
}

void read_view(JsonReader& r, CompletionView& out) {
  out.return_tokens = r.boolean("return_tokens").value_or(false);
  out.return_progress = r.boolean("return_progress").value_or(false);
  // Every part has the counts; times come with the last, where they are exact.
  r.ignore({"timings_per_token"});
  r.integer("sse_ping_interval", -1, kMaxInt);
  r.object("stream_options", [](JsonReader& options) { options.boolean("include_usage"); });
  if (auto fields = r.strings("response_fields", kMaxResponseFields)) out.response_fields = std::move(*fields);
}

void read_call(JsonReader& r, CompletionCall& out) {
  out.model = r.string("model").value_or("");
  read_generation(r, out.request.generation);
  refuse_unsupported(r);
  read_view(r, out.view);
  out.stream = r.boolean("stream").value_or(false);
  out.several = out.several || out.request.generation.n > 1;
}

/// What the answer repeats of the request.
void finish(CompletionCall& out) {
  out.view.choices = out.request.generation.n;
  out.view.settings = settings_json(out.request.generation, out.stream);
  for (const Prompt& prompt : out.prompts) {
    const auto* text = std::get_if<std::string>(&prompt);
    out.view.prompts.push_back(text != nullptr ? *text : std::string{});
  }
}

void read_extra(JsonReader& r, inference::CompletionRequest& out) {
  r.each("input_extra", kMaxInfillFiles, [&](const JsonValue& item) {
    item.object([&](JsonReader& file) {
      std::string name = file.string("filename").value_or("");
      out.infill_files.emplace_back(std::move(name), file.required_string("text"));
    });
  });
}

}  // namespace

Result<CompletionCall> decode_completion(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  CompletionCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    const auto prompt = r.value("prompt");
    if (!prompt) return r.fail("prompt", "is required");
    out.prompts = read_prompts(*prompt, out.several);
    read_call(r, out);
  }));
  finish(out);
  return out;
}

Result<CompletionCall> decode_infill(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  CompletionCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    std::string prefix = r.required_string("input_prefix");
    out.request.suffix = r.required_string("input_suffix");
    prefix += r.string("prompt").value_or("");
    out.prompts.emplace_back(std::move(prefix));
    read_extra(r, out.request);
    read_call(r, out);
  }));
  finish(out);
  return out;
}

Result<TokenizeCall> decode_tokenize(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  TokenizeCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    out.model = r.string("model").value_or("");
    out.content = r.required_string("content");
    out.add_special = r.boolean("add_special").value_or(false);
    out.parse_special = r.boolean("parse_special").value_or(true);
    out.with_pieces = r.boolean("with_pieces").value_or(false);
  }));
  return out;
}

Result<DetokenizeCall> decode_detokenize(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  DetokenizeCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    out.model = r.string("model").value_or("");
    const auto tokens = r.value("tokens");
    if (!tokens) return r.fail("tokens", "is required and must be an array of token ids");
    out.tokens = read_tokens(*tokens);
  }));
  return out;
}

Result<inference::EmbeddingRequest> decode_embedding(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  inference::EmbeddingRequest out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    out.model = r.string("model").value_or("");
    const auto content = r.value("content");
    const auto input = r.value("input");
    if (!content && !input) return r.fail("content", "is required");
    if (content && input) return r.fail("input", "does not go with content: give one of them");
    bool several = false;
    out.inputs = read_prompts(content ? *content : *input, several);
    const auto norm = r.integer("embd_normalize", -1, kMaxInt);
    if (norm && *norm != 2 && *norm != -1) {
      r.fail("embd_normalize", "can only be 2 (Euclidean length 1) or -1 (as it is)", ErrorCode::unsupported);
    }
    out.normalize = norm.value_or(2) == 2;
  }));
  return out;
}

}  // namespace hearth::api::native
