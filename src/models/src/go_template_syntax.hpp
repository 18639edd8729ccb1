// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

/// Go's text/template as a tree, as far as Ollama's templates use it. Grammar: https://pkg.go.dev/text/template.
namespace hearth::models::go {

/// A pipeline with its pipes folded: `a | f b` is f(b, a).
struct Expression {
  enum class Kind : unsigned char { dot, variable, field, text, number, boolean, nil, call };
  Kind kind = Kind::dot;
  std::string name;              // variable (without $), field, function; the literal's value
  std::vector<Expression> args;  // field: its owner; call: the arguments
};

struct Node {
  enum class Kind : unsigned char { text, print, assign, when, with, range, stop, skip };
  Kind kind = Kind::text;
  std::string text;
  std::vector<std::string> variables;  // of assign, and those a block declares (range: key and element)
  bool declares = false;               // := and not =
  Expression value;
  std::vector<Node> body;
  std::vector<Node> otherwise;
  std::size_t line = 0;
};

Result<std::vector<Node>> parse(std::string_view text);

/// `what` with the line of the template it stands on.
[[nodiscard]] std::unexpected<Error> unsupported(std::size_t line, std::string_view what);

}  // namespace hearth::models::go
