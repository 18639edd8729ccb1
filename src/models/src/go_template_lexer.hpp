// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::models::go {

/// Text between actions, or what stands between {{ and }}; trimming is done, comments are gone.
struct Segment {
  bool action = false;
  std::string text;
  std::size_t line = 0;
};
Result<std::vector<Segment>> split(std::string_view text);

struct Token {
  enum class Kind : unsigned char { word, field, dot, variable, text, number, sign, end };
  Kind kind = Kind::end;
  std::string text;    // word; field and variable without . and $; the literal's value; ( ) | := = ,
  bool glued = false;  // no space before: $x.Name is one operand, $x .Name two
};
Result<std::vector<Token>> tokens(const Segment& action);

[[nodiscard]] std::unexpected<Error> broken(std::size_t line, std::string_view why);

}  // namespace hearth::models::go
