// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "go_template_syntax.hpp"
#include "go_template_types.hpp"

namespace hearth::models::go {

/// The names an expression can see.
class Scope {
 public:
  explicit Scope(std::map<std::string, Value, std::less<>> root) : root_{std::move(root)} {
    dots_.push_back({"", Type::root});
  }

  const Value& dot() const { return dots_.back(); }
  void push_dot(Value value) { dots_.push_back(std::move(value)); }
  void pop_dot() { dots_.pop_back(); }

  void open() { blocks_.emplace_back(); }
  void close() { blocks_.pop_back(); }
  void declare(const std::string& name, Value value) { blocks_.back()[name] = std::move(value); }
  const Value* variable(std::string_view name) const;
  const Value* root_field(std::string_view name) const;

 private:
  std::map<std::string, Value, std::less<>> root_;
  std::vector<Value> dots_;
  std::vector<std::map<std::string, Value, std::less<>>> blocks_{1};
};

/// A Go expression as a Jinja one. `line` is for messages.
Result<Value> translate(const Expression& expression, const Scope& scope, std::size_t line);
/// The same value as text, as Go prints it: lists and objects as compact JSON.
Result<std::string> as_text(const Value& value, std::size_t line);
/// A Jinja string literal.
std::string literal(std::string_view text);

}  // namespace hearth::models::go
