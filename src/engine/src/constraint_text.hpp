// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::engine {

std::string to_utf8(char32_t c);
/// Nothing if `text` is not valid UTF-8 (overlong forms, surrogates and cut sequences are not).
std::optional<std::u32string> to_code_points(std::string_view text);

}  // namespace hearth::engine
