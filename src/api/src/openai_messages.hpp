// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxMessages = 100'000;
inline constexpr std::size_t kMaxParts = 10'000;     // of one message
inline constexpr std::size_t kMaxToolCalls = 1'024;  // of one message

/// `messages` of a chat. "developer" becomes "system", the old "function" becomes "tool". True when a message that
/// is no tool's has a name, which is not kept: templates have no place for it.
bool read_messages(JsonReader& r, inference::ChatRequest& out);

/// One part of a content array: text, refusal, image_url, and the Responses API's input_text, output_text, input_image.
void read_content_part(const JsonValue& value, std::vector<inference::ContentPart>& out);

/// An image by data: URL (decoded) or by http(s) URL (kept as it is; the engine decides).
void read_image_url(const JsonValue& url, std::vector<inference::ContentPart>& out);

}  // namespace hearth::api::openai
