// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/engine/options.hpp"
#include "hearth/inference/request.hpp"

struct llama_model;
struct llama_vocab;
struct llama_adapter_lora;

namespace hearth::engine {

using inference::TokenId;

class MaskPrograms;
class TokenIndex;

/// What is fixed once the weights are loaded.
struct ModelFacts {
  std::string description;  // "llama 1B Q4_K - Medium"
  std::int32_t train_context = 0;
  std::int32_t embedding_size = 0;
  std::int32_t vocabulary_size = 0;
  std::int32_t vocabulary_type = 0;  // llama_vocab_type
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  std::int32_t layers = 0;
  std::string chat_template;  // Jinja, of the GGUF; empty: none
  std::string bos_token;
  std::string eos_token;
  std::int32_t sliding_window = 0;  // some layers see so many of the latest tokens only; 0: none
  std::string answer_grammar;       // of the model's own answers: answer_grammar.hpp; empty: none
  bool recurrent = false;           // has recurrent state: prefixes cannot be shared
  bool has_encoder = false;
  bool has_decoder = true;
  bool can_infill = false;  // has fill-in-the-middle tokens
  bool can_rerank = false;  // pooling type rank
  bool causal = true;       // generates text
};

/// Weights and vocabulary. Immutable and shared: contexts of several roles use one copy. Any thread.
class Model {
 public:
  /// Loads (by mmap unless told otherwise). `progress` gets 0..1 on the calling thread and may return false to give up
  /// (cancelled). Errors: not_found, corrupt_data, insufficient_memory, unsupported; each with libllama's own reason.
  static Result<std::shared_ptr<Model>> load(const LoadOptions& options,
                                             const std::function<bool(float)>& progress = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelFacts& facts() const noexcept { return facts_; }

  /// Text the vocabulary has no tokens for is invalid_request naming the character.
  Result<std::vector<TokenId>> tokenize(std::string_view text, bool add_special, bool parse_special) const;
  /// The bytes of one token; control tokens are empty unless `special`.
  std::string piece(TokenId token, bool special) const;
  std::string detokenize(const std::vector<TokenId>& tokens) const;
  bool is_end_of_generation(TokenId token) const;
  bool valid(TokenId token) const noexcept { return token >= 0 && token < facts_.vocabulary_size; }
  /// True if some token contains this character (UTF-8), or single-byte tokens spell it. Reads the vocabulary once.
  bool can_spell(std::string_view character) const;

  /// The texts of the vocabulary in the order that masks need. Made once, in a tenth of a second for 128,000 tokens.
  std::shared_ptr<const TokenIndex> token_index() const;
  /// Constraints that were compiled for this vocabulary. Any thread.
  MaskPrograms& mask_programs() const noexcept { return *programs_; }

  llama_model* raw() const noexcept { return model_; }
  const llama_vocab* vocab() const noexcept { return vocab_; }
  const std::vector<std::pair<llama_adapter_lora*, float>>& adapters() const noexcept { return adapters_; }

 private:
  Model();

  llama_model* model_ = nullptr;
  const llama_vocab* vocab_ = nullptr;
  std::vector<std::pair<llama_adapter_lora*, float>> adapters_;
  ModelFacts facts_;
  mutable std::once_flag alphabet_once_;
  mutable std::once_flag index_once_;
  mutable std::shared_ptr<const TokenIndex> index_;
  std::unique_ptr<MaskPrograms> programs_;
  mutable std::set<std::string> alphabet_;  // characters and single bytes that tokens hold
};

/// Sends libllama's messages to our log (warnings as warnings, the rest as debug) and starts its back ends. Idempotent.
void initialize_library();

}  // namespace hearth::engine
