// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/privacy/name_model.hpp"

namespace hearth::privacy {

/// What a word can be part of; the order of the weights. Tag 0 is nothing.
extern const std::array<std::uint16_t, NameModel::kTags> kTypeOfTag;
std::uint8_t tag_of_type(std::uint16_t type);  // 0 for types that are not guessed

struct Token {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t word = 0;   // hash, in lower case, digits alike
  std::uint32_t shape = 0;  // hash of "Xx", "00", "x-X"
  bool loud = false;        // begins with a capital or a digit
  bool number = false;      // begins with a digit
  bool mark = false;        // neither letter nor digit
  bool known = false;       // part of a known finding, which is one token
};

std::vector<Token> tokens_of(std::string_view text, const Findings& known);

using Features = std::array<std::uint32_t, NameModel::kFeatures>;  // rows of the weights
Features features_of(std::string_view text, const std::vector<Token>& tokens, std::size_t at, std::uint8_t before,
                     std::uint8_t before_that);

/// Which of 2^12 bits stands for a word.
inline std::uint32_t trigger_bit(const Token& token) { return (token.word >> 7) & 0xFFFU; }

}  // namespace hearth::privacy
