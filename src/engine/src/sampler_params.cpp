// SPDX-License-Identifier: Apache-2.0
#include "sampler_params.hpp"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <limits>

#include <common.h>
#include <sampling.h>

#include "grammar_root.hpp"

namespace hearth::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

template <class T>
void assign(T& target, const std::optional<T>& source) {
  if (source) target = *source;
}

Result<> fill_names(common_params_sampling& params, const std::vector<std::string>& names) {
  params.samplers = common_sampler_types_from_names(names);
  if (params.samplers.size() == names.size()) return {};
  for (const std::string& name : names) {
    if (common_sampler_types_from_names({name}).empty()) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("unknown sampler \"{}\"; known: penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, "
                              "xtc, temperature, infill, adaptive_p",
                              name),
                  "samplers");
    }
  }
  return fail(ErrorCode::invalid_request, "a sampler is listed twice", "samplers");
}

Result<> fill_bias(common_params_sampling& params, const Model& model, const inference::Sampling& sampling) {
  for (const inference::LogitBias& bias : sampling.logit_bias) {
    std::vector<TokenId> tokens;
    if (const auto* id = std::get_if<std::int32_t>(&bias.token)) {
      tokens = {*id};
    } else {
      HEARTH_TRY(tokens, model.tokenize(std::get<std::string>(bias.token), false, false));
    }
    for (const TokenId token : tokens) {
      if (!model.valid(token)) {
        return fail(ErrorCode::invalid_request,
                    fmt::format("token {} is not in the vocabulary (0 … {})", token, model.facts().vocabulary_size - 1),
                    "logit_bias");
      }
      params.logit_bias.push_back({token, bias.bias});
    }
  }
  if (sampling.ignore_eos.value_or(false)) {
    for (TokenId token = 0; token < model.facts().vocabulary_size; ++token) {
      if (model.is_end_of_generation(token)) params.logit_bias.push_back({token, -kInf});
    }
  }
  return {};
}

}  // namespace

Result<common_params_sampling> to_sampling_params(const Model& model, const inference::Sampling& s) {
  common_params_sampling p;
  p.no_perf = true;
  assign(p.temp, s.temperature);
  assign(p.dynatemp_range, s.dynatemp_range);
  assign(p.dynatemp_exponent, s.dynatemp_exponent);
  assign(p.top_k, s.top_k);
  assign(p.top_p, s.top_p);
  assign(p.min_p, s.min_p);
  assign(p.typ_p, s.typical_p);
  assign(p.top_n_sigma, s.top_n_sigma);
  assign(p.xtc_probability, s.xtc_probability);
  assign(p.xtc_threshold, s.xtc_threshold);
  assign(p.penalty_last_n, s.repeat_last_n);
  assign(p.penalty_repeat, s.repeat_penalty);
  assign(p.penalty_freq, s.frequency_penalty);
  assign(p.penalty_present, s.presence_penalty);
  assign(p.dry_multiplier, s.dry_multiplier);
  assign(p.dry_base, s.dry_base);
  assign(p.dry_allowed_length, s.dry_allowed_length);
  assign(p.dry_penalty_last_n, s.dry_penalty_last_n);
  assign(p.dry_sequence_breakers, s.dry_sequence_breakers);
  assign(p.mirostat, s.mirostat);
  assign(p.mirostat_tau, s.mirostat_tau);
  assign(p.mirostat_eta, s.mirostat_eta);
  assign(p.adaptive_target, s.adaptive_target);
  assign(p.adaptive_decay, s.adaptive_decay);
  assign(p.min_keep, s.min_keep);
  if (p.penalty_last_n < 0) p.penalty_last_n = model.facts().train_context;
  if (p.dry_penalty_last_n < 0) p.dry_penalty_last_n = model.facts().train_context;
  p.n_prev = std::max({32, p.penalty_last_n, p.dry_multiplier > 0 ? p.dry_penalty_last_n : 0});
  if (s.samplers) HEARTH_CHECKED(fill_names(p, *s.samplers));
  HEARTH_CHECKED(fill_bias(p, model, s));
  return p;
}

void add_grammar(common_params_sampling& p, const Model& model, const GrammarSpec& spec) {
  if (!spec.gbnf.empty()) {
    p.grammar = {spec.prefilled ? COMMON_GRAMMAR_TYPE_TOOL_CALLS : COMMON_GRAMMAR_TYPE_USER,
                 with_start_symbol(spec.gbnf, spec.root)};
  }
  p.grammar_lazy = spec.lazy;
  p.generation_prompt = spec.generation_prompt;
  for (const GrammarTrigger& trigger : spec.triggers) {
    common_grammar_trigger t;
    t.value = trigger.value;
    t.token = trigger.token;
    switch (trigger.kind) {
      case GrammarTrigger::Kind::word: t.type = COMMON_GRAMMAR_TRIGGER_TYPE_WORD; break;
      case GrammarTrigger::Kind::pattern: t.type = COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN; break;
      case GrammarTrigger::Kind::pattern_full: t.type = COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN_FULL; break;
      case GrammarTrigger::Kind::token: t.type = COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN; break;
    }
    if (trigger.kind == GrammarTrigger::Kind::word) {
      // One control token is recognised as such; as text it might never be seen.
      const auto ids = common_tokenize(model.vocab(), trigger.value, false, true);
      if (ids.size() == 1 && llama_vocab_is_control(model.vocab(), ids[0])) {
        t.type = COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN;
        t.token = ids[0];
      }
    }
    p.grammar_triggers.push_back(std::move(t));
  }
  if (!spec.thinking_start.empty() && !spec.thinking_ends.empty()) {
    p.reasoning_budget_start = common_tokenize(model.vocab(), spec.thinking_start, false, true);
    for (const std::string& end : spec.thinking_ends) {
      p.reasoning_budget_end.push_back(common_tokenize(model.vocab(), end, false, true));
    }
    p.reasoning_budget_forced = p.reasoning_budget_end.front();
    p.reasoning_budget_tokens = spec.thinking_budget.value_or(-1);
  }
}

}  // namespace hearth::engine
