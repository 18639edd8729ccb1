// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "json_text.hpp"
#include "protocol.hpp"

/// Answers in OpenAI's protocol to native events. Pure.
namespace hearth::provider {

/// `chat`: chat.completion.chunk events; otherwise those of text completions. `n` choices.
std::unique_ptr<AnswerDecoder> make_openai_decoder(bool chat, std::int32_t n);

/// The error in an answer's body or stream: {"error": {message, type, code}}, {"error": "…"}, {"detail": …},
/// {"message": "…"}; its message, cut, or the text itself.
Error openai_error(int status, const net::Headers& headers, std::string_view body);
/// The error of an `error` member inside a stream, which has no status.
Error openai_stream_error(const Json& error);

}  // namespace hearth::provider
