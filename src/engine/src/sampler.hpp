// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/engine/generation.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/inference/sampling.hpp"
#include "mask_program.hpp"
#include "top_candidates.hpp"

struct llama_context;
struct common_sampler;

namespace hearth::engine {

/// Chooses the tokens of one sequence: libllama's sampler chain in llama-server's order, behind the grammar if there is
/// one. A grammar that holds from the first token on is our own mask's business (MaskProgram), another one libllama's.
/// Where top-k is the first of the chain that does anything, the chain sees those k and not the vocabulary.
/// Greedy requests without penalties take the argmax straight from the logits: same token, no sort.
/// create(): any thread. The rest: model thread. Not shared between sequences (it has the random state and the
/// history).
class Sampler {
 public:
  static Result<std::unique_ptr<Sampler>> create(const Model& model, const inference::Sampling& sampling,
                                                 const GrammarSpec& grammar, std::uint32_t seed);
  ~Sampler();

  /// The next token from output row `row` of the last decode, accepted into the history.
  /// invalid_request when the grammar allows no token of this vocabulary any more, or too many ways to go on.
  Result<TokenId> sample(llama_context* context, std::int32_t row);
  /// The tokens that must come next whatever is sampled, accepted into the history: at most `most`, none without a
  /// mask. The last of what is known is left out, since a longer token may begin there.
  std::vector<TokenId> take_forced(const Model& model, std::size_t most);
  /// Puts prompt tokens into the history that penalties look at.
  void accept_prompt(const std::vector<TokenId>& tokens);

 private:
  Sampler() = default;
  struct Free {
    void operator()(common_sampler* sampler) const;
  };
  /// One token, whatever a mask says. The row of logits is as before afterwards.
  Result<TokenId> choose(llama_context* context, std::int32_t row);
  TokenId choose_from_top(std::span<const float> logits);
  Result<TokenId> choose_masked(llama_context* context, std::int32_t row);
  bool mask_allows(TokenId token);

  std::unique_ptr<common_sampler, Free> sampler_;  // null: greedy fast path
  std::shared_ptr<MaskProgram> program_;           // null: no mask
  std::optional<MaskMatcher> matcher_;             // made on the model thread, with the first token
  std::vector<TokenId> banned_;                    // of the paths that do not see the vocabulary
  std::size_t top_ = 0;                            // so many; 0: it sees all
  std::vector<Candidate> candidates_;
  std::int32_t vocabulary_size_ = 0;
  std::int32_t history_ = 0;  // prompt tokens worth remembering
};

/// Checks every range of `sampling` and names the field at fault. Pure.
Result<> check_sampling(const inference::Sampling& sampling);

/// log p of `token` and the `alternatives` most likely tokens, from one row of logits of `n` entries. Pure.
inference::TokenLogprob logprob_of(const Model& model, const float* logits, std::int32_t n, TokenId token,
                                   std::int32_t alternatives);

}  // namespace hearth::engine
