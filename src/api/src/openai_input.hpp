// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::openai {

using Input = std::variant<std::string, std::vector<inference::TokenId>>;
inline constexpr std::size_t kMaxInputTokens = 1'048'576;  // of one prompt given as token ids

/// A string, an array of token ids, or an array of strings and arrays of token ids: one prompt, or several. Faults when
/// it is absent or empty.
std::vector<Input> read_inputs(JsonReader& r, std::string_view name, std::size_t most);

}  // namespace hearth::api::openai
