// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"
#include "native_encode.hpp"

/// Bodies of llama-server's own routes to native requests. Pure; fields as in tools/server/server-schema.cpp. Fields
/// for what Hearth has not got are accepted with the value that means "not used", and a 400 with any other.
namespace hearth::api::native {

inline constexpr std::size_t kMaxPrompts = 256;  // of one request
inline constexpr std::size_t kMaxPromptTokens = 4'000'000;
inline constexpr std::size_t kMaxInfillFiles = 1'024;
inline constexpr std::size_t kMaxResponseFields = 64;

using Prompt = std::variant<std::string, std::vector<inference::TokenId>>;

struct CompletionCall {
  inference::CompletionRequest request;  // all but model and prompt, which differ from prompt to prompt
  std::string model;                     // empty: the default one
  std::vector<Prompt> prompts;
  bool several = false;  // the prompts came as a list, or n is over 1: so is the answer
  bool stream = false;
  CompletionView view;
};

struct TokenizeCall {
  std::string model;
  std::string content;
  bool add_special = false;
  bool parse_special = true;
  bool with_pieces = false;
};

struct DetokenizeCall {
  std::string model;
  std::vector<inference::TokenId> tokens;
};

/// POST /completion.
Result<CompletionCall> decode_completion(std::string_view body);
/// POST /infill: the same with input_prefix, input_suffix and input_extra. `prompt` is the beginning of the middle; to
/// the model it is the end of the prefix.
Result<CompletionCall> decode_infill(std::string_view body);
Result<TokenizeCall> decode_tokenize(std::string_view body);
Result<DetokenizeCall> decode_detokenize(std::string_view body);
Result<inference::EmbeddingRequest> decode_embedding(std::string_view body);

}  // namespace hearth::api::native
