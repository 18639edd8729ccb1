// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::inference {

/// Sensitivity of content, in rising order.
enum class Label : std::uint8_t { public_, internal, confidential, restricted };
std::string_view name_of(Label label);
/// invalid_request for any other name.
Result<Label> parse_label(std::string_view name);

}  // namespace hearth::inference
