// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "hearth/router/quality.hpp"

namespace hearth::cli {

/// CSV (RFC 4180: quoted fields may hold commas, quotes and line feeds) with a head of column names: prompt,
/// weak_correct, strong_correct and perhaps subject; others are ignored. Correct is 1, true or True.
/// invalid_request names the line.
Result<std::vector<router::Verdict>> parse_verdicts(std::string_view text);

/// invalid_request unless whole subjects can be held out: there are at least two.
Result<> check_subjects(const std::vector<router::Verdict>& rows);

}  // namespace hearth::cli
