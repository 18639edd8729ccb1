// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/models/store.hpp"
#include "json_reader.hpp"

/// Bodies of Ollama's API to native requests. Pure; fields as in api/types.go of Ollama and npm ollama 0.6. What would
/// change the answer and cannot be done is refused with its name.
namespace hearth::api::ollama {

inline constexpr std::size_t kMaxMessages = 100'000;
inline constexpr std::size_t kMaxTools = 1'024;
inline constexpr std::size_t kMaxToolCalls = 1'024;  // of one message
inline constexpr std::size_t kMaxOptions = 256;
inline constexpr std::size_t kMaxHistory = 4'000'000;  // tokens of `context`
inline constexpr std::size_t kMaxInputs = 4'096;       // of one embed
inline constexpr std::size_t kMaxFiles = 1'024;        // of one create

/// What every request about a model may say.
struct Common {
  std::string model;
  std::optional<std::chrono::seconds> keep_alive;
  std::optional<std::int32_t> context_length;  // options.num_ctx
  std::vector<std::string> without_effect;     // options that Ollama knows and that change nothing here
};

struct ChatCall {
  Common common;
  inference::ChatRequest chat;
  bool stream = true;
  bool load_only = false;         // nothing to answer: load the model, or unload it when keep_alive is 0
  std::optional<Error> beyond{};  // what only an Ollama can do
};

struct GenerateCall {
  Common common;
  inference::ChatRequest chat;  // the prompt as the user's message, unless completion is set
  std::optional<inference::CompletionRequest> completion{};  // raw, or with a suffix
  std::vector<inference::TokenId> history{};                 // `context`: the tokens of the conversation so far
  bool stream = true;
  bool load_only = false;
};

struct EmbedCall {
  Common common;
  inference::EmbeddingRequest request;
  bool may_truncate = false;
};

/// pull, push, delete and show.
struct ModelCall {
  std::string model;
  bool insecure = false;
  bool stream = true;
  bool verbose = false;
};

struct CopyCall {
  std::string source;
  std::string destination;
};

struct CreateCall {
  models::CreateRequest request;
  bool stream = true;
};

Result<ChatCall> decode_chat(std::string_view body);
Result<GenerateCall> decode_generate(std::string_view body);
Result<EmbedCall> decode_embed(std::string_view body);
/// The older /api/embeddings: one prompt, a vector that is not normalized.
Result<EmbedCall> decode_embeddings(std::string_view body);
Result<ModelCall> decode_show(std::string_view body);
Result<ModelCall> decode_delete(std::string_view body);
/// Also push.
Result<ModelCall> decode_pull(std::string_view body);
Result<CopyCall> decode_copy(std::string_view body);
Result<CreateCall> decode_create(std::string_view body);

}  // namespace hearth::api::ollama
