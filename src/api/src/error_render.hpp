// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/base/error.hpp"
#include "hearth/net/http.hpp"

namespace hearth::api {

/// Whose client is calling: decides what an error looks like.
enum class Family : std::uint8_t { openai, anthropic, gemini, ollama, llama_server };

/// The family of a path that no route matched.
Family family_of_path(std::string_view path) noexcept;

/// The error object of the family, as JSON text.
std::string error_body(Family family, const Error& error, std::string_view request_id);
/// The table's status, but where the family's own server answers another one: Ollama's full queue is a 503.
int error_status(Family family, const Error& error) noexcept;
/// Retry-After, where the error knows one.
void add_error_headers(net::Headers& headers, const Error& error);

}  // namespace hearth::api
