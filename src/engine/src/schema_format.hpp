// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "automaton.hpp"

namespace hearth::engine {

/// Texts that certainly have the format (a part of all that do, where the full rule is not regular or lets in what
/// strict checkers refuse); nothing for a format that JSON Schema does not define, which is an annotation.
std::optional<Result<Dfa>> format_language(std::string_view format);

}  // namespace hearth::engine
