// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "hearth/base/result.hpp"

namespace hearth::models {

/// The file of the model that comes with the program (docs/starter.md), in `folder`: written there when it is not there
/// yet, and those of other versions removed. A server that still has one of them open keeps it. Blocks on the disk.
Result<std::filesystem::path> unpack_starter(const std::filesystem::path& folder);

}  // namespace hearth::models
