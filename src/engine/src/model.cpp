// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/model.hpp"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "hearth/base/log.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/answer_grammar.hpp"
#include "hearth/engine/constraint.hpp"
#include "library.hpp"
#include "mask_program.hpp"
#include "token_index.hpp"

namespace hearth::engine {
namespace {

using RawModel = std::unique_ptr<llama_model, decltype(&llama_model_free)>;

struct Progress {
  const std::function<bool(float)>* report;
};

bool on_progress(float fraction, void* user) {
  const auto& report = *static_cast<Progress*>(user)->report;
  return !report || report(fraction);
}

std::string token_text(const llama_vocab* vocab, llama_token token) {
  const char* text = token == LLAMA_TOKEN_NULL ? nullptr : llama_vocab_get_text(vocab, token);
  return text == nullptr ? std::string{} : std::string{text};
}

std::string meta(const llama_model* model, const std::string& key) {
  const std::int32_t length = llama_model_meta_val_str(model, key.c_str(), nullptr, 0);
  if (length <= 0) return {};
  std::string value(static_cast<std::size_t>(length) + 1, '\0');
  llama_model_meta_val_str(model, key.c_str(), value.data(), value.size());
  value.pop_back();
  return value;
}

/// The grammar that a model brings, unless it is none.
std::string read_answer_grammar(const llama_model* model) {
  std::string grammar = meta(model, "hearth.answer_grammar");
  if (grammar.empty()) return grammar;
  const auto fine = check_gbnf(answer_grammar(grammar, "x"));
  if (fine) return grammar;
  log::warn("the model's own grammar is left out", {{"why", fine.error().message}});
  return {};
}

ModelFacts read_facts(const llama_model* model, const llama_vocab* vocab) {
  ModelFacts facts;
  char description[128];
  llama_model_desc(model, description, sizeof description);
  facts.description = description;
  facts.train_context = llama_model_n_ctx_train(model);
  facts.embedding_size = llama_model_n_embd_out(model);
  facts.vocabulary_size = llama_vocab_n_tokens(vocab);
  facts.vocabulary_type = static_cast<std::int32_t>(llama_vocab_type(vocab));
  facts.parameters = llama_model_n_params(model);
  facts.weight_bytes = llama_model_size(model);
  facts.layers = llama_model_n_layer(model);
  if (const char* source = llama_model_chat_template(model, nullptr)) facts.chat_template = source;
  facts.bos_token = token_text(vocab, llama_vocab_bos(vocab));
  facts.eos_token = token_text(vocab, llama_vocab_eos(vocab));
  facts.answer_grammar = read_answer_grammar(model);
  facts.sliding_window = llama_model_n_swa(model);
  facts.recurrent = llama_model_is_recurrent(model) || llama_model_is_hybrid(model);
  facts.has_encoder = llama_model_has_encoder(model);
  facts.has_decoder = llama_model_has_decoder(model);
  facts.can_infill = llama_vocab_fim_pre(vocab) != LLAMA_TOKEN_NULL && llama_vocab_fim_suf(vocab) != LLAMA_TOKEN_NULL &&
                     llama_vocab_fim_mid(vocab) != LLAMA_TOKEN_NULL;
  const std::string architecture = meta(model, "general.architecture");
  const std::string pooling = meta(model, architecture + ".pooling_type");
  facts.can_rerank = pooling == std::to_string(LLAMA_POOLING_TYPE_RANK);
  const bool pools = !pooling.empty() && pooling != "0" && pooling != "-1" && pooling != "4294967295";  // unspecified
  facts.causal =
      facts.has_decoder && !facts.has_encoder && meta(model, architecture + ".attention.causal") != "false" && !pools;
  return facts;
}

/// What libllama said, without its own function-name prefixes.
std::string reason() {
  std::string text = take_library_error();
  if (const auto at = text.rfind("error loading model: "); at != std::string::npos) text.erase(0, at + 21);
  return text.empty() ? "the library gave no reason" : text;
}

/// The first character of `text` for which no token exists; empty if each one alone has some.
std::string unknown_character(const llama_vocab* vocab, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t n = 1;
    while (i + n < text.size() && (static_cast<unsigned char>(text[i + n]) & 0xC0U) == 0x80U) ++n;
    try {
      llama_token tokens[64];
      llama_tokenize(vocab, text.data() + i, static_cast<int32_t>(n), tokens, 64, false, false);
    } catch (const std::exception&) {
      return std::string{text.substr(i, n)};
    }
    i += n;
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Model>> Model::load(const LoadOptions& options, const std::function<bool(float)>& progress) {
  initialize_library();
  if (options.weights.empty()) return fail(ErrorCode::invalid_request, "no model file was given", "path");
  Progress state{&progress};
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.gpu_layers;
  params.main_gpu = options.main_gpu;
  params.load_mode = options.mlock ? (options.mmap ? LLAMA_LOAD_MODE_MMAP_MLOCK : LLAMA_LOAD_MODE_MLOCK)
                                   : (options.mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE);
  params.vocab_only = options.vocabulary_only;
  params.progress_callback = on_progress;
  params.progress_callback_user_data = &state;
  std::vector<float> split = options.tensor_split;
  split.resize(llama_max_devices());
  if (!options.tensor_split.empty()) params.tensor_split = split.data();
  std::vector<const char*> paths;
  for (const auto& path : options.weights) paths.push_back(path.c_str());

  take_library_error();
  RawModel raw{nullptr, llama_model_free};
  try {
    raw.reset(paths.size() == 1 ? llama_model_load_from_file(paths[0], params)
                                : llama_model_load_from_splits(paths.data(), paths.size(), params));
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::insufficient_memory, "not enough memory to load the model");
  } catch (const std::exception& e) {
    return fail(ErrorCode::corrupt_data, fmt::format("cannot load the model: {}", e.what()));
  }
  if (!raw) return fail(ErrorCode::corrupt_data, fmt::format("cannot load the model: {}", reason()));

  std::shared_ptr<Model> model{new Model};
  model->model_ = raw.release();
  model->vocab_ = llama_model_get_vocab(model->model_);
  if (llama_vocab_type(model->vocab_) == LLAMA_VOCAB_TYPE_NONE) {
    return fail(ErrorCode::unsupported, "the model has no vocabulary; it cannot turn text into tokens");
  }
  model->facts_ = read_facts(model->model_, model->vocab_);
  for (const Adapter& adapter : options.adapters) {
    llama_adapter_lora* lora = llama_adapter_lora_init(model->model_, adapter.path.c_str());
    if (lora == nullptr) {
      return fail(ErrorCode::corrupt_data,
                  fmt::format("cannot load the adapter {}: {}", adapter.path.filename().string(), reason()));
    }
    model->adapters_.emplace_back(lora, adapter.scale);
  }
  return model;
}

Model::Model() : programs_{std::make_unique<MaskPrograms>()} {}
Model::~Model() { llama_model_free(model_); }  // frees its adapters too

Result<std::vector<TokenId>> Model::tokenize(std::string_view text, bool add_special, bool parse_special) const {
  const auto length = static_cast<std::int32_t>(text.size());
  std::vector<TokenId> tokens(text.size() + 4);
  try {
    std::int32_t n = llama_tokenize(vocab_, text.data(), length, tokens.data(),
                                    static_cast<std::int32_t>(tokens.size()), add_special, parse_special);
    if (n < 0) {
      tokens.resize(static_cast<std::size_t>(-n));
      n = llama_tokenize(vocab_, text.data(), length, tokens.data(), -n, add_special, parse_special);
    }
    if (n < 0) return fail(ErrorCode::internal, "the tokenizer gave no answer");
    tokens.resize(static_cast<std::size_t>(n));
    return tokens;
  } catch (const std::exception&) {
    // A vocabulary without byte tokens (SPM-like) throws out_of_range for a character it does not have.
    const std::string character = unknown_character(vocab_, text);
    return fail(ErrorCode::invalid_request,
                character.empty() ? std::string{"this model's vocabulary cannot represent the text"}
                                  : fmt::format("this model's vocabulary has no token for the character \"{}\"; "
                                                "remove it or use another model",
                                                text::to_valid_utf8(character)));
  }
}

std::string Model::piece(TokenId token, bool special) const {
  std::string out(16, '\0');
  std::int32_t n = llama_token_to_piece(vocab_, token, out.data(), static_cast<std::int32_t>(out.size()), 0, special);
  if (n < 0) {
    out.resize(static_cast<std::size_t>(-n));
    n = llama_token_to_piece(vocab_, token, out.data(), -n, 0, special);
  }
  out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return out;
}

std::string Model::detokenize(const std::vector<TokenId>& tokens) const {
  std::string out;
  for (const TokenId token : tokens) out += piece(token, true);
  return out;
}

bool Model::is_end_of_generation(TokenId token) const { return llama_vocab_is_eog(vocab_, token); }

std::shared_ptr<const TokenIndex> Model::token_index() const {
  std::call_once(index_once_, [&] {
    std::vector<std::string> texts;
    std::vector<TokenId> ends;
    for (TokenId token = 0; token < facts_.vocabulary_size; ++token) {
      if (is_end_of_generation(token)) ends.push_back(token);
      texts.push_back(is_end_of_generation(token) ? std::string{} : piece(token, false));
    }
    index_ = std::make_shared<const TokenIndex>(std::move(texts), std::move(ends));
  });
  return index_;
}

bool Model::can_spell(std::string_view character) const {
  std::call_once(alphabet_once_, [&] {
    for (TokenId token = 0; token < facts_.vocabulary_size; ++token) {
      const std::string bytes = piece(token, false);
      if (bytes.size() == 1) alphabet_.insert(bytes);
      for (std::size_t i = 0; i < bytes.size();) {
        std::size_t n = 1;
        while (i + n < bytes.size() && (static_cast<unsigned char>(bytes[i + n]) & 0xC0U) == 0x80U) ++n;
        alphabet_.insert(bytes.substr(i, n));
        i += n;
      }
    }
  });
  if (alphabet_.contains(std::string{character})) return true;
  return std::ranges::all_of(character, [&](char byte) { return alphabet_.contains(std::string(1, byte)); });
}

}  // namespace hearth::engine
