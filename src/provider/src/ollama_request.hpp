// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

/// Native requests to the JSON of Ollama's API. Pure. `unsupported` names what it cannot carry.
namespace hearth::provider {

Result<Json> ollama_chat_body(const inference::ChatRequest& request);
Result<Json> ollama_generate_body(const inference::CompletionRequest& request);
Result<Json> ollama_embed_body(const inference::EmbeddingRequest& request);

}  // namespace hearth::provider
