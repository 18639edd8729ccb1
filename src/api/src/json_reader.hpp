// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

/// Reading a request body so that nothing goes unnoticed: every read names its field, type and range; what nobody
/// asked for is an unknown field. The first fault is kept and ends in a 400 that names the field; later reads then
/// return defaults, so that readers need no branch per field. One thread; values live as long as their document.
namespace hearth::api {

inline constexpr std::size_t kMaxJsonDepth = 128;
inline constexpr std::size_t kMaxObjectFields = 512;  // of an object with named fields (maps have their own bound)

class JsonReader;

namespace detail {
struct JsonFault {
  std::optional<Error> first;
  std::optional<Error> beyond;  // the first that is no fault for a lenient reader
  bool lenient = false;

  void note(Error error, bool unknown_field = false);
};
}  // namespace detail

/// One value of the document and where it is ("messages[2].content").
class JsonValue {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };
  using OnItem = std::function<void(const JsonValue& item)>;
  using OnField = std::function<void(std::string_view key, const JsonValue& value)>;
  using OnObject = std::function<void(JsonReader& object)>;

  JsonValue(simdjson::dom::element element, std::string path, detail::JsonFault& fault)
      : element_{element}, path_{std::move(path)}, fault_{&fault} {}

  Kind kind() const noexcept;
  bool is(Kind wanted) const noexcept { return kind() == wanted; }

  // Each records a fault and returns an empty value when the type or the range is another.
  std::string string() const;
  std::string_view view() const;  // as string(), of the document
  bool boolean() const;
  std::int64_t integer(std::int64_t least, std::int64_t most) const;  // 3.0 is an integer
  double number(double least, double most) const;
  void each(std::size_t most, const OnItem& on_item) const;          // of an array
  void each_field(std::size_t most, const OnField& on_field) const;  // of an object whose keys are data
  void object(const OnObject& on_object) const;                      // of an object with named fields
  std::vector<std::string> strings(std::size_t most) const;          // of an array of strings
  std::optional<JsonValue> first() const;                            // item of an array, unless it is empty
  std::size_t size() const noexcept;                                 // of an array or object
  /// The value as JSON text without spaces, fields in their order.
  std::string raw() const;

  const std::string& path() const noexcept { return path_; }
  /// Records a fault at this value. `message` goes on after the path: "must not be empty".
  void fail(std::string_view message, ErrorCode code = ErrorCode::invalid_request) const;

 private:
  friend class JsonReader;
  void wrong_type(std::string_view wanted) const;

  simdjson::dom::element element_;
  std::string path_;
  detail::JsonFault* fault_;
};

/// An object with named fields. null is the same as absent. Lives inside JsonDocument::read or JsonValue::object, which
/// report the fields that nobody asked for when the callback has returned.
class JsonReader {
 public:
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  /// The field, unless absent or null. Every other read goes through it. `name` is a literal.
  std::optional<JsonValue> value(std::string_view name);
  bool has(std::string_view name) { return value(name).has_value(); }

  std::optional<std::string> string(std::string_view name);
  std::string required_string(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view name, double least, double most);
  /// Another string is unsupported: APIs gain words, and a server elsewhere may know this one.
  std::optional<std::string> one_of(std::string_view name, std::initializer_list<std::string_view> names);
  /// A string or an array of strings.
  std::optional<std::vector<std::string>> strings(std::string_view name, std::size_t most);
  /// False when absent.
  bool object(std::string_view name, const JsonValue::OnObject& on_object);
  bool each(std::string_view name, std::size_t most, const JsonValue::OnItem& on_item);

  /// Straight into an optional member, left alone when absent.
  void read(std::string_view name, std::optional<float>& out, double least, double most);
  void read(std::string_view name, std::optional<std::int32_t>& out, std::int64_t least, std::int64_t most);
  void read(std::string_view name, std::optional<bool>& out);

  /// Of all fields that are there, in their order.
  std::vector<std::string_view> names() const;
  /// Known and without effect on the answer: any value is fine.
  void ignore(std::initializer_list<std::string_view> names);
  /// Known, but not supported: a 400 that names it, unless absent or null. `why` goes on after the name.
  void refuse(std::string_view name, std::string_view why);

  /// Records a fault at a field of this object.
  void fail(std::string_view name, std::string_view message, ErrorCode code = ErrorCode::invalid_request);
  std::string path_of(std::string_view name) const;
  bool failed() const noexcept { return fault_->first.has_value(); }
  /// A lenient reader has passed over something, which may leave a list shorter than it is.
  bool passed_over() const noexcept { return fault_->beyond.has_value(); }

 private:
  friend class JsonValue;
  friend class JsonDocument;
  JsonReader(simdjson::dom::object object, std::string path, detail::JsonFault& fault);
  void finish();
  void note_unknown(std::string_view key);

  simdjson::dom::object object_;
  std::string path_;
  detail::JsonFault* fault_;
  std::uint64_t present_ = 0;  // a bit for each name that is there (see bit_of): most that are asked for are not
  std::vector<std::string_view> known_;
};

/// A parsed body. Parsing errors say at which byte and what was expected; invalid UTF-8 and nesting deeper than
/// kMaxJsonDepth are errors.
class JsonDocument {
 public:
  static Result<JsonDocument> parse(std::string_view text);

  JsonValue root() const;
  /// Reads the root, which must be an object, and returns the first fault, unknown fields included.
  Result<> read(const JsonValue::OnObject& on_object) const;
  /// As read, but what is well formed and only not supported, or not known, is no fault: the first such thing is
  /// returned as the error that it would be.
  Result<std::optional<Error>> read_leniently(const JsonValue::OnObject& on_object);
  /// The first fault recorded so far.
  Result<> check() const;

 private:
  struct State {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    detail::JsonFault fault;
  };
  std::unique_ptr<State> state_;
};

}  // namespace hearth::api
