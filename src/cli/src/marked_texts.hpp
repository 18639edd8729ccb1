// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/privacy/name_model.hpp"

namespace hearth::cli {

/// Reads texts with marked spans: presidio-research's JSON ({"full_text", "spans": [{"entity_type", "start_position",
/// "end_position"}]}, in an array), or lines of {"text", "spans": [{"type", "start", "end"}]}. Places count Unicode
/// code points. invalid_request names the text that is wrong.
Result<std::vector<privacy::MarkedText>> parse_marked_texts(std::string_view data);

/// Bytes to code points and back, of one text of valid UTF-8.
std::vector<std::uint32_t> code_points_of_bytes(std::string_view text);  // by byte, and one for the end
std::vector<std::uint32_t> bytes_of_code_points(std::string_view text);  // by code point, and one for the end

}  // namespace hearth::cli
