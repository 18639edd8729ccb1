// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

/// Native requests to the JSON of OpenAI's protocol in its dialects. Pure.
namespace hearth::provider {

Result<Json> openai_chat_body(Dialect dialect, const inference::ChatRequest& request);
Result<Json> openai_completion_body(Dialect dialect, const inference::CompletionRequest& request);
Result<Json> openai_embedding_body(Dialect dialect, const inference::EmbeddingRequest& request);
Result<Json> openai_rerank_body(Dialect dialect, const inference::RerankRequest& request);

}  // namespace hearth::provider
