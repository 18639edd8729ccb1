// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hearth::api {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. Escapes only what RFC 8259
/// asks for. For what is made once a token or a proxied request; rarer answers are built with nlohmann::json.
void append_json_string(std::string& out, std::string_view text);

/// Appends a number as JSON has it: shortest form that reads back the same; NaN and infinities, which JSON lacks, as
/// null.
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);
/// "[0.5,-1]": an embedding.
void append_json_floats(std::string& out, std::span<const float> values);

}  // namespace hearth::api
