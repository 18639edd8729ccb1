// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace hearth::api {

/// The word that `text` was most likely meant to be: least edits (insert, delete, replace, swap neighbours), at most
/// a third of its length. For hints in errors. Words over 64 bytes are never near.
std::optional<std::string_view> nearest_word(std::string_view text, std::span<const std::string_view> words);

}  // namespace hearth::api
