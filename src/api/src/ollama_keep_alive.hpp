// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::api::ollama {

/// Longest finite keep_alive; what is longer, and everything negative, means for ever.
inline constexpr std::chrono::seconds kMaxKeepAlive{std::chrono::hours{24 * 365}};
/// "For ever" as RequestContext::keep_alive has it.
inline constexpr std::chrono::seconds kKeepForever{-1};

/// A Go duration: an optional sign and one or more decimal numbers each with a unit (ns, us, µs, ms, s, m, h), as in
/// "1h30m", "-1s", "0"; a bare number is seconds, as Ollama takes it. Parts of a second round up, so that "1ms" does
/// not become "unload at once". Source: Go's time.ParseDuration.
Result<std::chrono::seconds> parse_keep_alive(std::string_view text);
/// The number form: seconds.
Result<std::chrono::seconds> keep_alive_of(double seconds);

}  // namespace hearth::api::ollama
