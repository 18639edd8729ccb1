// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxEmbeddingInputs = 2'048;  // OpenAI's own limit
inline constexpr std::int64_t kMaxDimensions = 65'536;

struct EmbeddingCall {
  inference::EmbeddingRequest request;
  bool base64 = false;
};

/// The body of POST /v1/embeddings. Pure.
Result<EmbeddingCall> read_embedding(std::string_view body);
std::string embedding_body(const std::string& model, const inference::Embeddings& embeddings, bool base64);

}  // namespace hearth::api::openai
