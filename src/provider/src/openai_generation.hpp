// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_text.hpp"
#include "protocol.hpp"

namespace hearth::provider {

/// Limits, stops, sampling and the constraint, under the names of the dialect. `unsupported` names what it has no name
/// for. `chat`: chat completions and completions differ in the fields for length and probabilities.
Result<> add_generation(Dialect dialect, const inference::Generation& generation, bool chat, Json& out);

/// A regular expression for exactly one of them.
std::string regex_of(const std::vector<std::string>& choices);

}  // namespace hearth::provider
