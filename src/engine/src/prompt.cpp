// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/prompt.hpp"

#include <llama.h>

namespace hearth::engine {
namespace {

void add(std::vector<TokenId>& tokens, TokenId token) {
  if (token != LLAMA_TOKEN_NULL) tokens.push_back(token);
}

Result<> add(std::vector<TokenId>& tokens, const Model& model, std::string_view text) {
  HEARTH_TRY(const std::vector<TokenId> more, model.tokenize(text, false, false));
  tokens.insert(tokens.end(), more.begin(), more.end());
  return {};
}

}  // namespace

Result<std::vector<TokenId>> infill_prompt(const Model& model, std::string_view prefix, std::string_view suffix,
                                           const std::vector<std::pair<std::string, std::string>>& files) {
  if (!model.facts().can_infill) {
    return fail(ErrorCode::unsupported,
                "this model cannot fill in the middle: its vocabulary has no tokens for it; "
                "use a code model, or leave the suffix out",
                "suffix");
  }
  const llama_vocab* vocab = model.vocab();
  std::vector<TokenId> tokens;
  if (llama_vocab_get_add_bos(vocab)) add(tokens, llama_vocab_bos(vocab));
  const TokenId separator = llama_vocab_fim_sep(vocab);
  if (!files.empty()) {
    add(tokens, llama_vocab_fim_rep(vocab));
    if (llama_vocab_fim_rep(vocab) != LLAMA_TOKEN_NULL) HEARTH_CHECKED(add(tokens, model, "project\n"));
  }
  for (const auto& [name, text] : files) {
    add(tokens, separator);
    HEARTH_CHECKED(add(tokens, model, separator != LLAMA_TOKEN_NULL ? name + "\n" : "\n\n--- " + name + " ---\n\n"));
    HEARTH_CHECKED(add(tokens, model, text));
  }
  if (!files.empty() && separator != LLAMA_TOKEN_NULL) {
    add(tokens, separator);
    HEARTH_CHECKED(add(tokens, model, "current\n"));
  }
  add(tokens, llama_vocab_fim_pre(vocab));
  HEARTH_CHECKED(add(tokens, model, prefix));
  add(tokens, llama_vocab_fim_suf(vocab));
  HEARTH_CHECKED(add(tokens, model, suffix));
  add(tokens, llama_vocab_fim_mid(vocab));
  return tokens;
}

Result<std::vector<TokenId>> rerank_prompt(const Model& model, std::string_view query, std::string_view document) {
  const llama_vocab* vocab = model.vocab();
  std::vector<TokenId> tokens;
  const TokenId end = llama_vocab_eos(vocab) != LLAMA_TOKEN_NULL ? llama_vocab_eos(vocab) : llama_vocab_sep(vocab);
  if (llama_vocab_get_add_bos(vocab)) add(tokens, llama_vocab_bos(vocab));
  HEARTH_CHECKED(add(tokens, model, query));
  if (llama_vocab_get_add_eos(vocab)) add(tokens, end);
  if (llama_vocab_get_add_sep(vocab)) add(tokens, llama_vocab_sep(vocab));
  HEARTH_CHECKED(add(tokens, model, document));
  if (llama_vocab_get_add_eos(vocab)) add(tokens, end);
  return tokens;
}

}  // namespace hearth::engine
