// SPDX-License-Identifier: Apache-2.0
#include "prepare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hearth/base/text.hpp"
#include "hearth/engine/answer_grammar.hpp"
#include "hearth/engine/constraint.hpp"
#include "hearth/engine/prompt.hpp"

namespace hearth::provider {
namespace {

using inference::Constraint;

/// The constraint as a grammar that this vocabulary can follow; empty for none.
Result<std::string> grammar_for(const engine::Model& model, const Constraint& constraint) {
  if (constraint.kind == Constraint::Kind::none) return std::string{};
  HEARTH_TRY(std::string gbnf, engine::to_gbnf(constraint));
  const auto can_spell = [&model](std::string_view character) { return model.can_spell(character); };
  HEARTH_CHECKED(engine::check_vocabulary(gbnf, can_spell));
  return gbnf;
}

Result<> check(const inference::Generation& generation) {
  if (generation.n < 1 || generation.n > inference::kMaxChoices) {
    return fail(ErrorCode::invalid_request,
                fmt::format("n is {}; allowed: 1 to {}", generation.n, inference::kMaxChoices), "n");
  }
  if (generation.max_tokens && *generation.max_tokens < 0) {
    return fail(ErrorCode::invalid_request,
                fmt::format("max_tokens is {}; give 0 or more, or leave it out", *generation.max_tokens), "max_tokens");
  }
  if (generation.stop.size() > inference::kMaxStops) {
    return fail(ErrorCode::invalid_request, fmt::format("at most {} stop strings", inference::kMaxStops), "stop");
  }
  if (std::ranges::any_of(generation.stop, &std::string::empty)) {
    return fail(ErrorCode::invalid_request, "a stop string is empty", "stop");
  }
  if (generation.logprobs && (*generation.logprobs < 0 || *generation.logprobs > 20)) {
    return fail(ErrorCode::invalid_request, "logprobs: 0 to 20 alternatives", "logprobs");
  }
  return {};
}

inference::Generation merged(inference::Generation generation, const models::ModelOptions& defaults) {
  generation.sampling = inference::merged(std::move(generation.sampling), defaults.sampling);
  if (!generation.max_tokens) generation.max_tokens = defaults.max_tokens;
  if (generation.stop.empty()) generation.stop = defaults.stop;
  return generation;
}

}  // namespace

inference::ChatRequest with_model_defaults(inference::ChatRequest request, const Resolved& resolved) {
  if (request.system_default.empty()) request.system_default = resolved.model.system;
  if (request.template_override.empty()) request.template_override = resolved.template_override;
  std::vector<inference::Message> seeds;
  for (const models::SeedMessage& seed : resolved.model.messages) {
    seeds.push_back({.role = seed.role, .content = {inference::TextPart{seed.content}}});
  }
  request.messages.insert(request.messages.begin(), std::make_move_iterator(seeds.begin()),
                          std::make_move_iterator(seeds.end()));
  return request;
}

Result<engine::RenderedChat> render(const engine::Loaded& loaded, const inference::ChatRequest& request) {
  engine::RenderOptions options;
  options.schema_check = [](const std::string& schema, const std::string& pointer) -> Result<> {
    const auto gbnf = engine::to_gbnf({.kind = Constraint::Kind::json_schema, .text = schema});
    if (gbnf) return {};
    return fail(gbnf.error().code, gbnf.error().message, pointer);
  };
  HEARTH_TRY(options.constraint_gbnf, grammar_for(*loaded.model, request.generation.constraint));
  return loaded.chat->render(request, options);
}

/// The form that the model itself gives its answers, where the request demands none.
std::string own_grammar(const engine::Loaded& loaded, const inference::ChatRequest& request) {
  const std::string& grammar = loaded.model->facts().answer_grammar;
  if (grammar.empty() || request.messages.empty() || request.messages.back().role != "user") return {};
  std::string message;
  for (const auto& part : request.messages.back().content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) message += text->text;
  }
  return engine::answer_grammar(grammar, text::to_lower_ascii(message));  // as its template has it
}

Result<PreparedChat> prepare_chat(const engine::Loaded& loaded, const Resolved& resolved,
                                  inference::ChatRequest request) {
  HEARTH_CHECKED(check(request.generation));
  request = with_model_defaults(std::move(request), resolved);
  HEARTH_TRY(engine::RenderedChat chat, render(loaded, request));
  PreparedChat prepared;
  engine::GenerateRequest& out = prepared.request;
  HEARTH_TRY(out.prompt, loaded.model->tokenize(chat.prompt, true, true));
  out.generation = merged(std::move(request.generation), resolved.options);
  std::ranges::copy(chat.additional_stops, std::back_inserter(out.generation.stop));
  out.grammar.gbnf = chat.grammar.empty() ? own_grammar(loaded, request) : chat.grammar;
  out.grammar.root = chat.grammar_root;
  out.grammar.lazy = chat.grammar_lazy;
  out.grammar.prefilled = chat.grammar_prefill;
  out.grammar.generation_prompt = chat.generation_prompt;
  out.grammar.triggers = chat.grammar_triggers;
  out.grammar.preserved_tokens = chat.preserved_tokens;
  if (request.reasoning.budget_tokens || chat.grammar_lazy) {
    out.grammar.thinking_start = chat.thinking_start_tag;
    out.grammar.thinking_ends = chat.thinking_end_tags;
    out.grammar.thinking_budget = request.reasoning.budget_tokens;
  }
  HEARTH_CHECKED(engine::compile_mask(out.grammar, *loaded.model));
  prepared.degraded = chat.degraded;
  if (loaded.chat->is_fallback() && request.template_override.empty())
    prepared.degraded.emplace_back("no chat template");
  prepared.chat = std::make_shared<const engine::RenderedChat>(std::move(chat));
  return prepared;
}

Result<engine::GenerateRequest> prepare_completion(const engine::Loaded& loaded, const Resolved& resolved,
                                                   inference::CompletionRequest request) {
  HEARTH_CHECKED(check(request.generation));
  engine::GenerateRequest out;
  const auto* text = std::get_if<std::string>(&request.prompt);
  if (request.suffix || !request.infill_files.empty()) {
    if (text == nullptr) return fail(ErrorCode::invalid_request, "a suffix needs the prompt as text", "suffix");
    HEARTH_TRY(out.prompt,
               engine::infill_prompt(*loaded.model, *text, request.suffix.value_or(""), request.infill_files));
  } else if (text != nullptr) {
    HEARTH_TRY(out.prompt, loaded.model->tokenize(*text, request.add_special, request.parse_special));
  } else {
    out.prompt = std::get<std::vector<inference::TokenId>>(std::move(request.prompt));
  }
  HEARTH_TRY(out.grammar.gbnf, grammar_for(*loaded.model, request.generation.constraint));
  HEARTH_CHECKED(engine::compile_mask(out.grammar, *loaded.model));
  out.generation = merged(std::move(request.generation), resolved.options);
  out.prompt_logprobs = request.prompt_logprobs;
  return out;
}

Result<engine::EmbedJob> prepare_embedding(const engine::Loaded& loaded, const inference::EmbeddingRequest& request) {
  engine::EmbedJob job{.inputs = {}, .pooling = request.pooling, .rank = false, .truncate = request.truncate};
  const std::int32_t size = loaded.model->facts().embedding_size;
  if (request.dimensions && (*request.dimensions < 1 || *request.dimensions > size)) {
    return fail(ErrorCode::invalid_request,
                fmt::format("dimensions is {}; this model's embeddings have {}", *request.dimensions, size),
                "dimensions");
  }
  for (const auto& input : request.inputs) {
    if (const auto* text = std::get_if<std::string>(&input)) {
      HEARTH_TRY(job.inputs.emplace_back(), loaded.model->tokenize(*text, true, true));
      continue;
    }
    job.inputs.push_back(std::get<std::vector<inference::TokenId>>(input));
    for (const inference::TokenId token : job.inputs.back()) {
      if (!loaded.model->valid(token)) {
        return fail(ErrorCode::invalid_request, fmt::format("token {} is not in the vocabulary", token), "input");
      }
    }
  }
  return job;
}

Result<engine::EmbedJob> prepare_rerank(const engine::Loaded& loaded, const inference::RerankRequest& request) {
  engine::EmbedJob job{.inputs = {}, .rank = true};
  for (const std::string& document : request.documents) {
    HEARTH_TRY(job.inputs.emplace_back(), engine::rerank_prompt(*loaded.model, request.query, document));
  }
  return job;
}

}  // namespace hearth::provider
