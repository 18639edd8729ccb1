// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

namespace hearth::api::anthropic {

Task<Result<>> async_messages(Call& call);
Task<Result<>> async_count_tokens(Call& call);

inline constexpr std::array kRoutes{
    Route{"POST", "/v1/messages", Family::anthropic, async_messages},
    Route{"POST", "/v1/messages/count_tokens", Family::anthropic, async_count_tokens},
};

}  // namespace hearth::api::anthropic
