// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hearth::cli {

/// Columns as wide as their widest cell, two spaces between, no trailing spaces. The first row is the head.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// "3 minutes ago", "2 weeks ago"; "in 4 minutes" for negative ages.
std::string human_age(double seconds);

/// The first 12 digits of a digest, as every listing shows it.
std::string short_digest(const std::string& digest);

}  // namespace hearth::cli
