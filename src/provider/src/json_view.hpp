// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Reads what comes once a token: no tree is built, nothing throws, whatever the JSON is. The same questions as
/// json_text.hpp asks of trees.
namespace hearth::provider {

/// A value of a JsonLine, as long as that is not given another text; or nothing, which is null.
class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(simdjson::dom::element element) : element_{element} {}

  bool is_object() const { return is(simdjson::dom::element_type::OBJECT); }
  bool is_array() const { return is(simdjson::dom::element_type::ARRAY); }
  bool is_string() const { return is(simdjson::dom::element_type::STRING); }
  bool is_null() const { return !element_ || element_->is_null(); }
  bool is_number() const { return element_ && element_->is_number(); }
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;  // finite
  std::optional<std::string> string() const;
  /// The value as JSON text.
  std::string text() const;

  /// Of an array; for others nothing comes.
  template <class F>
  void each(F f) const {
    if (!is_array()) return;
    for (const simdjson::dom::element item : simdjson::dom::array{element_->get_array().value_unsafe()})
      f(JsonView{item});
  }
  /// Of an object; for others nothing comes.
  template <class F>
  void each_member(F f) const {
    if (!is_object()) return;
    for (const simdjson::dom::key_value_pair member : simdjson::dom::object{element_->get_object().value_unsafe()})
      f(member.key, JsonView{member.value});
  }

 private:
  friend JsonView at(const JsonView& object, std::string_view name);
  bool is(simdjson::dom::element_type type) const { return element_ && element_->type() == type; }

  std::optional<simdjson::dom::element> element_;
};

/// The member, or nothing when `object` is none or has none.
JsonView at(const JsonView& object, std::string_view name);
/// Empty when it is no string.
std::string text_at(const JsonView& object, std::string_view name);
/// 0 when it is no number, or one that no counter has.
std::int64_t count_at(const JsonView& object, std::string_view name);
std::optional<double> number_at(const JsonView& object, std::string_view name);

/// One text after the other, in buffers that are reused.
class JsonLine {
 public:
  /// Nothing when `text` is no JSON or is nested deeper than any honest answer.
  JsonView parse(std::string_view text);

 private:
  simdjson::dom::parser parser_;
  std::string padded_;
};

}  // namespace hearth::provider
