// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

namespace hearth::provider {

/// `max_tokens` of a request that has none: Anthropic's API demands one.
inline constexpr std::int32_t kAnthropicTokens = 4096;

/// A chat as the body of Anthropic's /v1/messages. Pure. `unsupported` names what it cannot carry.
Result<Json> anthropic_body(const inference::ChatRequest& request);

}  // namespace hearth::provider
