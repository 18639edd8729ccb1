// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::privacy {

/// Text as detectors read it: without invisible characters, digits and letters of other forms as ASCII, dashes as "-".
struct Normalized {
  std::string text;
  std::vector<std::uint32_t> origin;  // of each byte of `text`, and of its end, in what was given
};

/// False for most texts: nothing in it has another form.
bool needs_normalizing(std::string_view text);
/// A letter that looks like a Latin one becomes that one only in a run of characters that has Latin ones too, so that
/// Russian and Greek stay what they are. Invalid UTF-8 is kept as it is. Linear.
Normalized normalize(std::string_view text);

}  // namespace hearth::privacy
