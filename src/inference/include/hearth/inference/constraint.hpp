// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::inference {

/// What the output must look like. Enforced token by token; never a mere wish.
struct Constraint {
  enum class Kind : std::uint8_t {
    none,
    json_object,  // any JSON object
    json_schema,  // `text` is a JSON Schema (draft 2020-12)
    regex,        // `text` is a regular expression that the whole output matches
    choice,       // exactly one of `choices`
    gbnf,         // `text` is a grammar in llama.cpp's GBNF
  };
  Kind kind = Kind::none;
  std::string text;
  std::vector<std::string> choices;
};

}  // namespace hearth::inference
