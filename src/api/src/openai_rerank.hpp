// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxRerankDocuments = 10'000;

/// Two dialects share the path: Jina's (`documents`; {results:[{index, relevance_score}]}) and that of Hugging Face's
/// text-embeddings-inference (`texts`; [{index, score}]).
struct RerankCall {
  inference::RerankRequest request;
  std::size_t top_n = 0;  // 0: all
  bool tei = false;
  bool return_text = false;
};

Result<RerankCall> read_rerank(std::string_view body);
/// Best first; equal scores in the order given.
std::string rerank_body(const RerankCall& call, const inference::Ranking& ranking);

}  // namespace hearth::api::openai
