// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hearth::models {

/// "; did you mean 'x'?" for the name at the smallest edit distance, or nothing if none is near. ASCII case is ignored.
std::string did_you_mean(std::string_view written, std::span<const std::string_view> names);

/// What a caller sent, fit for a message: short, without control characters.
std::string printable(std::string_view text);

}  // namespace hearth::models
