// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hearth::privacy {

/// JSON text with each string and each number (which becomes a string when it changes) replaced by what `change` makes
/// of it. Names of members stay. Text that is no JSON comes back somehow changed, never cut.
std::string change_json(std::string_view json, const std::function<std::string(std::string_view)>& change);

/// Calls `look` with each string, names of members too, that has an escape: as it reads without.
void each_escaped(std::string_view json, const std::function<void(std::string_view)>& look);

/// JSON text without the values that are strings of `least` bytes or more, as written, and `known`.
std::string without_strings(std::string_view json, std::size_t least,
                            const std::function<bool(std::string_view)>& known);

/// As the inside of a JSON string.
std::string escape_json(std::string_view text);

}  // namespace hearth::privacy
