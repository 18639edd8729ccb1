// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "hearth/base/clock.hpp"

namespace hearth::api {

/// "2026-08-01T12:34:56.123456789Z" (RFC 3339, UTC, nanoseconds), as Anthropic and Ollama write times.
std::string rfc3339(WallClock::time_point at);

}  // namespace hearth::api
