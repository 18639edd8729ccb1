// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "hearth/privacy/finding.hpp"

namespace hearth::privacy {

/// What the digits around a place are: a card, a telephone number, a date, an identifier. Looks at the whole run of
/// digits and their separators, appends what it finds there, and returns where the run ends. Pure.
std::size_t find_numbers(std::string_view text, std::size_t inside, Findings& out);

}  // namespace hearth::privacy
