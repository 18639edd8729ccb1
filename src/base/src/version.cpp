// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/version.hpp"

namespace hearth {
std::string_view version() noexcept { return HEARTH_VERSION_STRING; }
}  // namespace hearth
