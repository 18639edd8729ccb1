// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

namespace hearth::provider {

/// A chat as the body of Gemini's generateContent (ai.google.dev/api/generate-content, v1beta). Pure. `unsupported`
/// names what it cannot carry.
Result<Json> gemini_body(const inference::ChatRequest& request);
/// Of batchEmbedContents.
Result<Json> gemini_embed_body(const inference::EmbeddingRequest& request);

}  // namespace hearth::provider
