// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/engine/model.hpp"

/// Prompts that are put together from special tokens rather than by a chat template. Any thread.
namespace hearth::engine {

/// Fill in the middle, prefix first: <pre> prefix <suf> suffix <mid>. `files` (name, text) come before it as the
/// repository's other files if the vocabulary has tokens for that, as plain text if not.
/// unsupported when the model has no fill-in-the-middle tokens.
Result<std::vector<TokenId>> infill_prompt(const Model& model, std::string_view prefix, std::string_view suffix,
                                           const std::vector<std::pair<std::string, std::string>>& files);

/// The pair that a reranker scores: [bos] query [eos] [sep] document [eos], each special token only if the vocabulary
/// has and wants it.
Result<std::vector<TokenId>> rerank_prompt(const Model& model, std::string_view query, std::string_view document);

}  // namespace hearth::engine
