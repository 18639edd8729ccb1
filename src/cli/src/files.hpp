// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// A whole file; not_found when it cannot be read.
Result<std::string> read_all(const std::string& path);
Result<> write_all(const std::string& path, std::string_view bytes);

}  // namespace hearth::cli
