// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace hearth::engine {

/// The grammar with `root` as its start symbol: libllama's `common` always starts there. The rule that was called root
/// gets another name. `gbnf` is valid GBNF. Pure.
std::string with_start_symbol(std::string_view gbnf, std::string_view start);

}  // namespace hearth::engine
