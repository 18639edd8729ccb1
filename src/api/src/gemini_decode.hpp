// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

/// Gemini's API (ai.google.dev/api, v1beta) to native requests. Pure. Errors name the field.
namespace hearth::api::gemini {

struct GenerateRequest {
  inference::ChatRequest chat;  // without a model: the path has it
  bool thoughts = false;        // the client wants to see the thinking
  std::optional<Error> beyond;  // what only Gemini can do
};
Result<GenerateRequest> decode_generate(std::string_view body);
/// {"contents": …} or {"generateContentRequest": …}.
Result<inference::ChatRequest> decode_count(std::string_view body);
/// `batch`: {"requests": […]}; else one {"content": …}.
Result<inference::EmbeddingRequest> decode_embed(std::string_view body, bool batch);

}  // namespace hearth::api::gemini
