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
#include "sampler_params.hpp"

namespace hearth::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr const char* kUnsatisfiable =
    "the output constraint cannot be satisfied with this model's vocabulary; loosen the constraint or use another "
    "model";
constexpr const char* kAmbiguous =
    "the output constraint lets an answer go on in too many ways at once; write it with fewer alternatives that begin "
    "alike";

bool only_bans(const common_params_sampling& p) {
  return std::ranges::all_of(p.logit_bias, [](const llama_logit_bias& b) { return b.bias == -kInf; });
}

/// True when the answer is the argmax of the raw logits whatever the chain does in between.
bool plain_greedy(const common_params_sampling& p) {
  return p.temp <= 0 && p.dynatemp_range <= 0 && p.mirostat == 0 && only_bans(p) && p.grammar.empty() &&
         p.reasoning_budget_tokens < 0 && p.penalty_repeat == 1 && p.penalty_freq == 0 && p.penalty_present == 0 &&
         p.dry_multiplier == 0 && p.xtc_probability == 0 &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_ADAPTIVE_P) == p.samplers.end() &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_INFILL) == p.samplers.end() &&
         std::ranges::find(p.samplers, COMMON_SAMPLER_TYPE_TEMPERATURE) != p.samplers.end();
}

/// How many of the largest logits the chain needs to come to the same as from all of them: its top_k, when nothing that
/// is in front of it changes anything. 0: it needs all.
std::size_t needed_candidates(const common_params_sampling& p) {
  constexpr std::int32_t kMost = 256;
  if (p.top_k <= 0 || p.top_k > kMost || p.mirostat != 0 || !p.grammar.empty() || p.reasoning_budget_tokens >= 0 ||
      !only_bans(p)) {
    return 0;
  }
  for (const common_sampler_type type : p.samplers) {
    switch (type) {
      case COMMON_SAMPLER_TYPE_TOP_K: return static_cast<std::size_t>(std::max(p.top_k, p.min_keep));
      case COMMON_SAMPLER_TYPE_PENALTIES:
        if (p.penalty_repeat != 1 || p.penalty_freq != 0 || p.penalty_present != 0) return 0;
        break;
      case COMMON_SAMPLER_TYPE_DRY:
        if (p.dry_multiplier != 0) return 0;
        break;
      case COMMON_SAMPLER_TYPE_TOP_N_SIGMA:
        if (p.top_n_sigma > 0) return 0;
        break;
      default: return 0;
    }
  }
  return 0;
}

/// First index of the maximum, like libllama's greedy choice; `n` when all are minus infinity. Two passes, each of
/// which the compiler vectorises.
TokenId argmax(const float* logits, std::int32_t n) {
  float best = -kInf;
  for (std::int32_t i = 0; i < n; ++i) best = logits[i] > best ? logits[i] : best;
  return best == -kInf ? n : static_cast<TokenId>(std::find(logits, logits + n, best) - logits);
}

}  // namespace

void Sampler::Free::operator()(common_sampler* sampler) const { common_sampler_free(sampler); }
Sampler::~Sampler() = default;

Result<std::unique_ptr<Sampler>> Sampler::create(const Model& model, const inference::Sampling& sampling,
                                                 const GrammarSpec& grammar, std::uint32_t seed) {
  HEARTH_CHECKED(check_sampling(sampling));
  HEARTH_TRY(common_params_sampling params, to_sampling_params(model, sampling));
  params.seed = seed;
  std::unique_ptr<Sampler> sampler{new Sampler};
  sampler->vocabulary_size_ = model.facts().vocabulary_size;
  std::int32_t suppressed = 0;
  llama_vocab_get_suppress_tokens(model.vocab(), &suppressed);
  sampler->program_ = grammar.mask;
  try {
    add_grammar(params, model, grammar);
    if (sampler->program_) params.grammar = {};
    if (suppressed == 0 && only_bans(params)) {
      for (const llama_logit_bias& bias : params.logit_bias) sampler->banned_.push_back(bias.token);
    }
    if (suppressed == 0 && plain_greedy(params)) return sampler;
    if (suppressed == 0) sampler->top_ = needed_candidates(params);
    sampler->history_ = params.n_prev;
    sampler->sampler_.reset(common_sampler_init(model.raw(), params));
  } catch (const std::exception& e) {
    return fail(ErrorCode::invalid_request, fmt::format("the output constraint cannot be used: {}", e.what()));
  }
  return sampler;
}

Result<TokenId> Sampler::choose(llama_context* context, std::int32_t row) {
  if (sampler_ && top_ == 0) return common_sampler_sample(sampler_.get(), context, row);
  float* logits = llama_get_logits_ith(context, row);
  std::vector<float> kept;  // the row is put back as it was: log probabilities are reported from it
  for (const TokenId banned : banned_) kept.push_back(std::exchange(logits[banned], -kInf));
  const TokenId token = sampler_ ? choose_from_top({logits, static_cast<std::size_t>(vocabulary_size_)})
                                 : argmax(logits, vocabulary_size_);
  for (std::size_t i = banned_.size(); i-- > 0;) logits[banned_[i]] = kept[i];
  if (token >= vocabulary_size_) return fail(ErrorCode::internal, "the model produced no finite logits");
  return token;
}

/// vocabulary_size_ when there is none.
TokenId Sampler::choose_from_top(std::span<const float> logits) {
  top_candidates(logits, top_, candidates_);
  std::vector<llama_token_data> data;
  for (const Candidate& candidate : candidates_)
    data.push_back({.id = candidate.token, .logit = candidate.logit, .p = 0});
  if (data.empty()) return vocabulary_size_;
  llama_token_data_array array{.data = data.data(), .size = data.size(), .selected = -1, .sorted = true};
  llama_sampler_apply(common_sampler_get(sampler_.get()), &array);
  return array.data[array.selected].id;
}

bool Sampler::mask_allows(TokenId token) {
  const auto& ends = matcher_->tokens().ends();
  return std::ranges::find(ends, token) != ends.end() ? matcher_->may_end() : matcher_->allows(token);
}

/// Most tokens that a model likes are allowed, so the mask of the whole vocabulary is made only for one that is not.
/// Choosing again among the allowed ones gives each the probability it has among them: p + (1 - P) p / P = p / P, where
/// P is that of them all.
Result<TokenId> Sampler::choose_masked(llama_context* context, std::int32_t row) {
  HEARTH_TRY(const TokenId liked, choose(context, row));
  if (mask_allows(liked)) return liked;
  const PlaceSet* allowed = matcher_->mask();
  if (allowed == nullptr) return fail(ErrorCode::invalid_request, kAmbiguous);
  float* logits = llama_get_logits_ith(context, row);
  const std::vector<float> kept(logits, logits + vocabulary_size_);
  std::fill(logits, logits + vocabulary_size_, -kInf);
  const TokenIndex& tokens = matcher_->tokens();
  allowed->each([&](TokenPlace place) {
    const TokenId token = tokens.tokens()[place];
    logits[token] = kept[static_cast<std::size_t>(token)];
  });
  if (matcher_->may_end()) {
    for (const TokenId end : tokens.ends()) logits[end] = kept[static_cast<std::size_t>(end)];
  }
  auto token = choose(context, row);
  std::ranges::copy(kept, logits);
  if (token && mask_allows(*token)) return token;
  return fail(ErrorCode::invalid_request, matcher_->gave_up() ? kAmbiguous : kUnsatisfiable);
}

Result<TokenId> Sampler::sample(llama_context* context, std::int32_t row) {
  try {
    if (program_ && !matcher_) matcher_.emplace(program_);
    HEARTH_TRY(const TokenId token, matcher_ ? choose_masked(context, row) : choose(context, row));
    if (matcher_) matcher_->accept(token);
    if (sampler_) common_sampler_accept(sampler_.get(), token, true);
    return token;
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::insufficient_memory, "there is no memory left to follow the output constraint");
  } catch (const std::exception&) {
    return fail(ErrorCode::invalid_request, kUnsatisfiable);
  }
}

namespace {

std::string pieces_of(const MaskMatcher& matcher, const std::vector<TokenId>& tokens) {
  std::string out;
  for (const TokenId token : tokens) out += matcher.tokens().text(token);
  return out;
}

}  // namespace

std::vector<TokenId> Sampler::take_forced(const Model& model, std::size_t most) {
  std::vector<TokenId> taken;
  if (!matcher_) return taken;
  try {
    const std::string text = matcher_->forced(8 * most);
    if (text.size() < 2) return taken;
    auto tokens = model.tokenize(text, false, false);
    // Some vocabularies put a blank in front of everything: that is not what must come.
    if (!tokens || pieces_of(*matcher_, *tokens) != text) return taken;
    tokens->pop_back();
    tokens->resize(std::min(tokens->size(), most));
    for (const TokenId token : *tokens) {
      if (!matcher_->accept(token)) break;
      if (sampler_) common_sampler_accept(sampler_.get(), token, true);
      taken.push_back(token);
    }
  } catch (const std::exception&) {  // what is not taken now is sampled
  }
  return taken;
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
