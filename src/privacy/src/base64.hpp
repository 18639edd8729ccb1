// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "hearth/privacy/finding.hpp"

namespace hearth::privacy {

/// Text in base64 around a match: what `scan` finds in it is found in the whole of it. `scan` may come here again for
/// base64 within base64: each time the text is a quarter shorter. Returns where the encoded text ends.
std::size_t check_base64(std::string_view text, std::size_t begin, std::size_t end,
                         const std::function<void(std::string_view, Findings&)>& scan, Findings& out);

}  // namespace hearth::privacy
