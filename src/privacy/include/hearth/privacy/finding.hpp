// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hearth/inference/label.hpp"

namespace hearth::privacy {

/// A kind of personal or secret data, as configuration and reports name it.
struct Type {
  std::string name;
  inference::Label label = inference::Label::public_;  // that a text which holds one has at least
};

/// The types that come with the program, and the label that each one gives a text.
std::span<const Type> built_in_types();

/// Where a text holds one: bytes [begin, end).
struct Finding {
  std::uint16_t type = 0;  // index into Scanner::types()
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool guessed = false;  // from the words around (NameModel), not from a pattern
  float score = 0;       // 0 to 1: 1 for a checked number that is named beside it, below 0.5 for a guess
};
using Findings = std::vector<Finding>;

}  // namespace hearth::privacy
