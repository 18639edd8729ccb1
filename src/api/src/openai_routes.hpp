// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

/// OpenAI's API (platform.openai.com/docs/api-reference; types of npm openai), with the extra fields of llama-server
/// and vLLM where their clients send them to the same paths.
namespace hearth::api::openai {

Task<Result<>> async_list_models(Call& call);
Task<Result<>> async_get_model(Call& call);

inline constexpr std::array kRoutes{
    Route{"GET", "/v1/models", Family::openai, async_list_models},
    Route{"GET", "/models", Family::openai, async_list_models},
    Route{"GET", "/v1/models/{id*}", Family::openai, async_get_model},
};

}  // namespace hearth::api::openai
