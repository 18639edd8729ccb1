// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace hearth {
std::string_view version() noexcept;  // "0.1.0"
}
