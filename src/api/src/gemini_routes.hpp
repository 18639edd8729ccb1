// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

/// Gemini's API for those who point its SDKs here (`httpOptions.baseUrl`).
namespace hearth::api::gemini {

/// POST models/NAME:METHOD; NAME may have slashes and colons, METHOD is behind the last colon.
Task<Result<>> async_call(Call& call);
Task<Result<>> async_list_models(Call& call);
Task<Result<>> async_get_model(Call& call);

/// v1 is what Google's SDKs ask by default since their version 3; GET /v1/models is shared (openai_models.cpp).
inline constexpr std::array kRoutes{
    Route{"POST", "/v1beta/models/{call*}", Family::gemini, async_call},
    Route{"POST", "/v1/models/{call*}", Family::gemini, async_call},
    Route{"GET", "/v1beta/models", Family::gemini, async_list_models},
    Route{"GET", "/v1beta/models/{name*}", Family::gemini, async_get_model},
};

}  // namespace hearth::api::gemini
