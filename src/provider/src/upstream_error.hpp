// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/error.hpp"
#include "hearth/net/http.hpp"

namespace hearth::provider {

/// The error that an answer's status stands for; see Protocol::error. `message` is the server's own.
Error upstream_error(int status, const net::Headers& headers, std::string_view message);
/// The server's words for: who runs Hearth has not paid.
bool tells_of_debt(std::string_view message);
/// The words of OpenAI, vLLM, SGLang, llama-server and Ollama for a prompt that is too long.
bool tells_of_overflow(std::string_view message);
/// At most 500 bytes, whole characters, no control characters.
std::string shortened(std::string_view message);

}  // namespace hearth::provider
