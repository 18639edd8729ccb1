// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "hearth/privacy/finding.hpp"

namespace hearth::privacy {

/// One pattern of the pass over a text, and who looks closer where it matches. Patterns are anchors, as short as they
/// can be to be rare, since the pass costs by what it has to remember; the check walks on from there.
struct Detector {
  const char* pattern;  // Vectorscan's subset of PCRE, on bytes
  bool any_case;
  /// Given the bytes of a match [begin, end) in the whole text, appends what is really there. Returns where the next
  /// match may begin: what lies before is settled.
  std::size_t (*check)(std::string_view text, std::size_t begin, std::size_t end, Findings& out);
};
std::span<const Detector> numbers_and_addresses();  // of people, places and machines
std::span<const Detector> secrets();

}  // namespace hearth::privacy
