// SPDX-License-Identifier: Apache-2.0
#include "sampler.hpp"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

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

Result<common_params_sampling> to_params(const Model& model, const inference::Sampling& s) {
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

void fill_grammar(common_params_sampling& p, const Model& model, const GrammarSpec& spec) {
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

/// True when the answer is the argmax of the raw logits whatever the chain does in between.
bool plain_greedy(const common_params_sampling& p) {
  const bool only_bans = std::ranges::all_of(p.logit_bias, [](const llama_logit_bias& b) { return b.bias == -kInf; });
  return p.temp <= 0 && p.dynatemp_range <= 0 && p.mirostat == 0 && only_bans && p.grammar.empty() &&
         p.reasoning_budget_tokens < 0 && p.penalty_repeat == 1 && p.penalty_freq == 0 && p.penalty_present == 0 &&
         p.dry_multiplier == 0 && p.xtc_probability == 0 &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_ADAPTIVE_P) == p.samplers.end() &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_INFILL) == p.samplers.end() &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_TEMPERATURE) != p.samplers.end();
}

/// First index of the maximum, like libllama's greedy choice. Two passes, each of which the compiler vectorises.
TokenId argmax(const float* logits, std::int32_t n) {
  float best = -kInf;
  for (std::int32_t i = 0; i < n; ++i) best = logits[i] > best ? logits[i] : best;
  return static_cast<TokenId>(std::find(logits, logits + n, best) - logits);
}

}  // namespace

void Sampler::Free::operator()(common_sampler* sampler) const { common_sampler_free(sampler); }
Sampler::~Sampler() = default;

Result<std::unique_ptr<Sampler>> Sampler::create(const Model& model, const inference::Sampling& sampling,
                                                 const GrammarSpec& grammar, std::uint32_t seed) {
  HEARTH_CHECKED(check_sampling(sampling));
  HEARTH_TRY(common_params_sampling params, to_params(model, sampling));
  params.seed = seed;
  std::unique_ptr<Sampler> sampler{new Sampler};
  sampler->vocabulary_size_ = model.facts().vocabulary_size;
  std::int32_t suppressed = 0;
  llama_vocab_get_suppress_tokens(model.vocab(), &suppressed);
  try {
    fill_grammar(params, model, grammar);
    if (suppressed == 0 && plain_greedy(params)) {
      for (const llama_logit_bias& bias : params.logit_bias) sampler->banned_.push_back(bias.token);
      return sampler;
    }
    sampler->history_ = params.n_prev;
    sampler->sampler_.reset(common_sampler_init(model.raw(), params));
  } catch (const std::exception& e) {
    return fail(ErrorCode::invalid_request, fmt::format("the output constraint cannot be used: {}", e.what()));
  }
  return sampler;
}

Result<TokenId> Sampler::sample(llama_context* context, std::int32_t row) {
  if (!sampler_) {
    float* logits = llama_get_logits_ith(context, row);
    std::vector<float> kept;  // the row is put back as it was: log probabilities are reported from it
    for (const TokenId banned : banned_) kept.push_back(std::exchange(logits[banned], -kInf));
    const TokenId token = argmax(logits, vocabulary_size_);
    for (std::size_t i = banned_.size(); i-- > 0;) logits[banned_[i]] = kept[i];
    if (token >= vocabulary_size_) return fail(ErrorCode::internal, "the model produced no finite logits");
    return token;
  }
  try {
    const TokenId token = common_sampler_sample(sampler_.get(), context, row);
    common_sampler_accept(sampler_.get(), token, true);
    return token;
  } catch (const std::exception&) {
    return fail(ErrorCode::invalid_request,
                "the output constraint cannot be satisfied with this model's vocabulary; "
                "loosen the constraint or use another model");
  }
}

void Sampler::accept_prompt(const std::vector<TokenId>& tokens) {
  if (!sampler_) return;
  const std::size_t from = tokens.size() > static_cast<std::size_t>(history_) ? tokens.size() - history_ : 0;
  for (std::size_t i = from; i < tokens.size(); ++i) common_sampler_accept(sampler_.get(), tokens[i], false);
}

inference::TokenLogprob logprob_of(const Model& model, const float* logits, std::int32_t n, TokenId token,
                                   std::int32_t alternatives) {
  const float top = *std::max_element(logits, logits + n);
  double sum = 0;
  for (std::int32_t i = 0; i < n; ++i) sum += std::exp(logits[i] - top);
  const float log_sum = top + static_cast<float>(std::log(sum));
  inference::TokenLogprob result{
      .id = token, .bytes = model.piece(token, true), .logprob = logits[token] - log_sum, .top = {}};
  if (alternatives <= 0) return result;
  std::vector<TokenId> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  const auto middle = ids.begin() + std::min(alternatives, n);
  std::ranges::partial_sort(ids, middle, [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  for (auto it = ids.begin(); it != middle; ++it) {
    result.top.push_back({.id = *it, .bytes = model.piece(*it, true), .logprob = logits[*it] - log_sum});
  }
  return result;
}

}  // namespace hearth::engine
