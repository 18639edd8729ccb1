// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/models/store.hpp"

namespace hearth::models {

inline constexpr std::size_t kModelfileBytesMax = 4U << 20;

/// A Modelfile (Ollama's language) as what `create` needs; `name` stays empty. Instructions in any case and order, `#`
/// comments, values bare to the end of the line, in "quotes" or in """quotes""" over several lines (no escapes).
/// A FROM that is written as a path, and every ADAPTER, is taken relative to `folder`. No file is looked at.
/// invalid_request with the line number: unknown instruction (and the nearest one), bad PARAMETER, no FROM.
/// unsupported: RENDERER, PARSER, DRAFT, a second FROM.
Result<CreateRequest> parse_modelfile(std::string_view text, const std::filesystem::path& folder);

/// The Modelfile that would make this model again, for `hearth show --modelfile`.
std::string print_modelfile(const Model& model);

}  // namespace hearth::models
