// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

/// OpenAI's API (platform.openai.com/docs/api-reference; types of npm openai), with the extra fields of llama-server
/// and vLLM where their clients send them to the same paths.
namespace hearth::api::openai {

Task<Result<>> async_list_models(Call& call);
Task<Result<>> async_get_model(Call& call);
Task<Result<>> async_chat(Call& call);
Task<Result<>> async_chat_input_tokens(Call& call);
Task<Result<>> async_completion(Call& call);
Task<Result<>> async_embeddings(Call& call);
Task<Result<>> async_rerank(Call& call);
Task<Result<>> async_create_response(Call& call);
Task<Result<>> async_get_response(Call& call);
Task<Result<>> async_delete_response(Call& call);
Task<Result<>> async_response_input_tokens(Call& call);

inline constexpr std::array kRoutes{
    Route{"GET", "/v1/models", Family::openai, async_list_models},
    Route{"GET", "/models", Family::openai, async_list_models},
    Route{"GET", "/v1/models/{id*}", Family::openai, async_get_model},
    Route{"POST", "/v1/chat/completions", Family::openai, async_chat},
    Route{"POST", "/chat/completions", Family::openai, async_chat},
    Route{"POST", "/v1/chat/completions/input_tokens", Family::openai, async_chat_input_tokens},
    Route{"POST", "/chat/completions/input_tokens", Family::openai, async_chat_input_tokens},
    Route{"POST", "/v1/completions", Family::openai, async_completion},
    Route{"POST", "/v1/responses", Family::openai, async_create_response},
    Route{"POST", "/responses", Family::openai, async_create_response},
    Route{"GET", "/v1/responses/{id}", Family::openai, async_get_response},
    Route{"DELETE", "/v1/responses/{id}", Family::openai, async_delete_response},
    Route{"POST", "/v1/responses/input_tokens", Family::openai, async_response_input_tokens},
    Route{"POST", "/responses/input_tokens", Family::openai, async_response_input_tokens},
    Route{"POST", "/v1/embeddings", Family::openai, async_embeddings},
    Route{"POST", "/v1/rerank", Family::openai, async_rerank},
    Route{"POST", "/v1/reranking", Family::openai, async_rerank},
    Route{"POST", "/rerank", Family::openai, async_rerank},
    Route{"POST", "/reranking", Family::openai, async_rerank},
};

}  // namespace hearth::api::openai
