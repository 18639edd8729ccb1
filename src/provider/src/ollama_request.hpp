// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

/// Native requests to the JSON of Ollama's API. Pure. `unsupported` names what it cannot carry.
namespace hearth::provider {

/// `context`: tokens to keep of a conversation; 0: as many as the server likes.
Result<Json> ollama_chat_body(const inference::ChatRequest& request, std::int32_t context);
Result<Json> ollama_generate_body(const inference::CompletionRequest& request, std::int32_t context);
Result<Json> ollama_embed_body(const inference::EmbeddingRequest& request);

}  // namespace hearth::provider
