// SPDX-License-Identifier: Apache-2.0
#include "openai_answer.hpp"
#include "upstream_error.hpp"

namespace hearth::provider {
namespace {

std::string message_of(const Json& json, std::string_view body) {
  const Json& error = at(json, "error");
  for (const std::string& text :
       {text_at(error, "message"), text_at(json, "error"), text_at(json, "message"), text_at(json, "detail")}) {
    if (!text.empty()) return text;
  }
  return json.is_object() ? std::string{} : std::string{body};
}

bool is_overflow(const Json& error, std::string_view message) {
  return text_at(error, "code") == "context_length_exceeded" || text_at(error, "type") == "exceed_context_size_error" ||
         tells_of_overflow(message);
}

}  // namespace

Error openai_error(int status, const net::Headers& headers, std::string_view body) {
  const Json json = parse_json(body);
  const std::string message = message_of(json, body);
  Error error = upstream_error(status, headers, message);
  if (error.code == ErrorCode::invalid_request && is_overflow(at(json, "error"), message)) {
    error.code = ErrorCode::context_too_long;
  }
  return error;
}

Error openai_stream_error(const Json& error) {
  Error out{.code = ErrorCode::upstream_error,
            .message = shortened(error.is_string() ? error.get<std::string>() : text_at(error, "message")),
            .param = {},
            .retry_after = {}};
  const std::string type = text_at(error, "type") + " " + text_at(error, "code");
  if (type.find("rate_limit") != std::string::npos) out.code = ErrorCode::rate_limited;
  if (type.find("overloaded") != std::string::npos || type.find("unavailable") != std::string::npos) {
    out.code = ErrorCode::upstream_unavailable;
  }
  if (is_overflow(error, out.message)) out.code = ErrorCode::context_too_long;
  return out;
}

}  // namespace hearth::provider
