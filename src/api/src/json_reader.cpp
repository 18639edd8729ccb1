// SPDX-License-Identifier: Apache-2.0
#include "json_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "json_fault.hpp"
#include "text_distance.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kUsualNames = 64;

/// One of 64 bits; few names that differ share one.
std::uint64_t bit_of(std::string_view name) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(name[i]); };
  const std::size_t mixed = name.empty() ? 0 : name.size() * 7 + byte(0) * 3U + byte(name.size() - 1) * 5U;
  return std::uint64_t{1} << (mixed % 64);
}

std::string_view name_of(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::null: return "null";
    case JsonValue::Kind::boolean: return "a boolean";
    case JsonValue::Kind::integer: return "an integer";
    case JsonValue::Kind::number: return "a number";
    case JsonValue::Kind::string: return "a string";
    case JsonValue::Kind::array: return "an array";
    case JsonValue::Kind::object: return "an object";
  }
  return "something else";
}

}  // namespace

void detail::JsonFault::note(Error error, bool unknown_field) {
  const bool passes = lenient && (unknown_field || error.code == ErrorCode::unsupported);
  std::optional<Error>& place = passes ? beyond : first;
  if (!place) place = std::move(error);
}

// --- JsonValue ------------------------------------------------------------------------------------------------

JsonValue::Kind JsonValue::kind() const noexcept {
  switch (element_.type()) {
    case simdjson::dom::element_type::NULL_VALUE: return Kind::null;
    case simdjson::dom::element_type::BOOL: return Kind::boolean;
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64: return Kind::integer;
    case simdjson::dom::element_type::DOUBLE: return Kind::number;
    case simdjson::dom::element_type::STRING: return Kind::string;
    case simdjson::dom::element_type::ARRAY: return Kind::array;
    case simdjson::dom::element_type::OBJECT: return Kind::object;
  }
  return Kind::null;
}

void JsonValue::fail(std::string_view message, ErrorCode code) const {
  if (fault_->first) return;
  const std::string_view where = path_.empty() ? std::string_view{"the body"} : std::string_view{path_};
  fault_->note({code, fmt::format("{} {}", where, message), path_, {}});
}

void JsonValue::wrong_type(std::string_view wanted) const {
  fail(fmt::format("must be {}, not {}", wanted, name_of(kind())));
}

std::string_view JsonValue::view() const {
  std::string_view text;
  if (element_.get_string().get(text) != simdjson::SUCCESS) wrong_type("a string");
  return text;
}

std::string JsonValue::string() const { return std::string{view()}; }

bool JsonValue::boolean() const {
  bool value = false;
  if (element_.get_bool().get(value) != simdjson::SUCCESS) wrong_type("a boolean");
  return value;
}

std::int64_t JsonValue::integer(std::int64_t least, std::int64_t most) const {
  const auto out_of_range = [&] { fail(fmt::format("must be an integer from {} to {}", least, most)); };
  std::int64_t value = 0;
  if (element_.get_int64().get(value) != simdjson::SUCCESS) {
    double wide = 0;
    if (element_.get_double().get(wide) != simdjson::SUCCESS) return wrong_type("an integer"), least;
    // 2^63 is exact as a double; beyond it the cast below would be undefined.
    if (!(std::abs(wide) < 9223372036854775808.0)) return out_of_range(), least;
    if (std::trunc(wide) != wide) return fail("must be an integer, not a fraction"), least;
    value = static_cast<std::int64_t>(wide);
  }
  if (value < least || value > most) return out_of_range(), least;
  return value;
}

double JsonValue::number(double least, double most) const {
  double value = 0;
  if (element_.get_double().get(value) != simdjson::SUCCESS) return wrong_type("a number"), least;
  if (!(value >= least && value <= most))
    return fail(fmt::format("must be a number from {} to {}", least, most)), least;
  return value;
}

void JsonValue::each(std::size_t most, const OnItem& on_item) const {
  simdjson::dom::array array;
  if (element_.get_array().get(array) != simdjson::SUCCESS) return wrong_type("an array");
  if (array.size() > most) return fail(fmt::format("has {} items; at most {} are allowed", array.size(), most));
  std::size_t index = 0;
  for (const simdjson::dom::element item : array) {
    on_item(JsonValue{item, fmt::format("{}[{}]", path_, index++), *fault_});
    if (fault_->first) return;
  }
}

void JsonValue::each_field(std::size_t most, const OnField& on_field) const {
  simdjson::dom::object object;
  if (element_.get_object().get(object) != simdjson::SUCCESS) return wrong_type("an object");
  if (object.size() > most) return fail(fmt::format("has {} fields; at most {} are allowed", object.size(), most));
  for (const simdjson::dom::key_value_pair field : object) {
    std::string path = path_.empty() ? std::string{field.key} : fmt::format("{}.{}", path_, field.key);
    on_field(field.key, JsonValue{field.value, std::move(path), *fault_});
    if (fault_->first) return;
  }
}

void JsonValue::object(const OnObject& on_object) const {
  simdjson::dom::object object;
  if (element_.get_object().get(object) != simdjson::SUCCESS) return wrong_type("an object");
  if (object.size() > kMaxObjectFields) {
    return fail(fmt::format("has {} fields; at most {} are allowed", object.size(), kMaxObjectFields));
  }
  JsonReader reader{object, path_, *fault_};
  on_object(reader);
  reader.finish();
}

std::vector<std::string> JsonValue::strings(std::size_t most) const {
  std::vector<std::string> out;
  each(most, [&](const JsonValue& item) { out.push_back(item.string()); });
  return out;
}

std::optional<JsonValue> JsonValue::first() const {
  simdjson::dom::array array;
  if (element_.get_array().get(array) != simdjson::SUCCESS || array.size() == 0) return std::nullopt;
  return JsonValue{*array.begin(), fmt::format("{}[0]", path_), *fault_};
}

std::size_t JsonValue::size() const noexcept {
  if (simdjson::dom::array array; element_.get_array().get(array) == simdjson::SUCCESS) return array.size();
  if (simdjson::dom::object object; element_.get_object().get(object) == simdjson::SUCCESS) return object.size();
  return 0;
}

std::string JsonValue::raw() const { return simdjson::minify(element_); }

// --- JsonReader -----------------------------------------------------------------------------------------------

JsonReader::JsonReader(simdjson::dom::object object, std::string path, detail::JsonFault& fault)
    : object_{object}, path_{std::move(path)}, fault_{&fault} {
  for (const simdjson::dom::key_value_pair field : object_) present_ |= bit_of(field.key);
  known_.reserve(kUsualNames);
}

std::string JsonReader::path_of(std::string_view name) const {
  return path_.empty() ? std::string{name} : fmt::format("{}.{}", path_, name);
}

std::optional<JsonValue> JsonReader::value(std::string_view name) {
  known_.push_back(name);  // some come twice, which costs less than to look
  if ((present_ & bit_of(name)) == 0) return std::nullopt;
  simdjson::dom::element element;
  if (object_.at_key(name).get(element) != simdjson::SUCCESS || element.is_null()) return std::nullopt;
  return JsonValue{element, path_of(name), *fault_};
}

void JsonReader::fail(std::string_view name, std::string_view message, ErrorCode code) {
  if (fault_->first) return;
  std::string path = path_of(name);
  std::string text = fmt::format("{} {}", path, message);
  fault_->note({code, std::move(text), std::move(path), {}});
}

std::optional<std::string> JsonReader::string(std::string_view name) {
  if (const auto v = value(name)) return v->string();
  return std::nullopt;
}

std::string JsonReader::required_string(std::string_view name) {
  if (const auto v = value(name)) return v->string();
  fail(name, "is required and must be a string");
  return {};
}

std::optional<bool> JsonReader::boolean(std::string_view name) {
  if (const auto v = value(name)) return v->boolean();
  return std::nullopt;
}

std::optional<std::int64_t> JsonReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  if (const auto v = value(name)) return v->integer(least, most);
  return std::nullopt;
}

std::optional<double> JsonReader::number(std::string_view name, double least, double most) {
  if (const auto v = value(name)) return v->number(least, most);
  return std::nullopt;
}

std::optional<std::string> JsonReader::one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  const auto v = value(name);
  if (!v) return std::nullopt;
  const std::string_view got = v->view();
  if (v->is(JsonValue::Kind::string) && std::ranges::find(names, got) == names.end()) {
    v->fail(fmt::format("must be one of: {}", fmt::join(names, ", ")), ErrorCode::unsupported);
  }
  return std::string{got};
}

std::optional<std::vector<std::string>> JsonReader::strings(std::string_view name, std::size_t most) {
  const auto v = value(name);
  if (!v) return std::nullopt;
  if (v->is(JsonValue::Kind::string)) return std::vector{v->string()};
  if (!v->is(JsonValue::Kind::array)) v->wrong_type("a string or an array of strings");
  return v->strings(most);
}

bool JsonReader::object(std::string_view name, const JsonValue::OnObject& on_object) {
  const auto v = value(name);
  if (v) v->object(on_object);
  return v.has_value();
}

bool JsonReader::each(std::string_view name, std::size_t most, const JsonValue::OnItem& on_item) {
  const auto v = value(name);
  if (v) v->each(most, on_item);
  return v.has_value();
}

void JsonReader::read(std::string_view name, std::optional<float>& out, double least, double most) {
  if (const auto v = value(name)) out = static_cast<float>(v->number(least, most));
}

void JsonReader::read(std::string_view name, std::optional<std::int32_t>& out, std::int64_t least, std::int64_t most) {
  if (const auto v = value(name)) out = static_cast<std::int32_t>(v->integer(least, most));
}

void JsonReader::read(std::string_view name, std::optional<bool>& out) {
  if (const auto v = value(name)) out = v->boolean();
}

std::vector<std::string_view> JsonReader::names() const {
  std::vector<std::string_view> out;
  for (const simdjson::dom::key_value_pair field : object_) out.push_back(field.key);
  return out;
}

void JsonReader::ignore(std::initializer_list<std::string_view> names) {
  known_.insert(known_.end(), names.begin(), names.end());
}

void JsonReader::refuse(std::string_view name, std::string_view why) {
  if (const auto v = value(name)) v->fail(why, ErrorCode::unsupported);
}

void JsonReader::note_unknown(std::string_view key) {
  std::string path = path_of(key);
  const auto nearest = nearest_word(key, known_);
  std::string text = nearest ? fmt::format("{} is not a known field; did you mean '{}'?", path, *nearest)
                             : fmt::format("{} is not a known field", path);
  fault_->note({ErrorCode::invalid_request, std::move(text), std::move(path), {}}, true);
}

void JsonReader::finish() {
  if (fault_->first) return;
  std::vector<std::string_view> seen;
  for (const simdjson::dom::key_value_pair field : object_) {
    const std::string_view key = field.key;
    if (std::ranges::find(known_, key) == known_.end()) {
      note_unknown(key);
      if (fault_->first) return;
    }
    if (std::ranges::find(seen, key) != seen.end()) return fail(key, "appears twice");
    seen.push_back(key);
  }
}

// --- JsonDocument ---------------------------------------------------------------------------------------------

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  JsonDocument out;
  out.state_ = std::make_unique<State>();
  if (out.state_->parser.allocate(std::max<std::size_t>(text.size(), 1), kMaxJsonDepth) != simdjson::SUCCESS) {
    return fail(ErrorCode::payload_too_large, "the body is too large to parse");
  }
  const auto error = out.state_->parser.parse(text.data(), text.size()).get(out.state_->root);
  if (error == simdjson::DEPTH_ERROR) {
    return fail(ErrorCode::invalid_request,
                fmt::format("the body nests deeper than {} levels; make it flatter", kMaxJsonDepth));
  }
  if (error != simdjson::SUCCESS) return fail(explain_json_fault(text));
  return out;
}

JsonValue JsonDocument::root() const { return JsonValue{state_->root, {}, state_->fault}; }

Result<> JsonDocument::read(const JsonValue::OnObject& on_object) const {
  root().object(on_object);
  return check();
}

Result<std::optional<Error>> JsonDocument::read_leniently(const JsonValue::OnObject& on_object) {
  state_->fault.lenient = true;
  const Result<> done = read(on_object);
  std::optional<Error>& beyond = state_->fault.beyond;
  if (done) return std::move(beyond);
  return hearth::fail(beyond ? *std::move(beyond) : done.error());  // a fault behind it may be no other than it
}

Result<> JsonDocument::check() const {
  if (state_->fault.first) return hearth::fail(*state_->fault.first);
  return {};
}

}  // namespace hearth::api
