// SPDX-License-Identifier: Apache-2.0
#include "json_fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "hearth/base/text.hpp"

namespace hearth::api {
namespace {

Error invalid(std::string message) { return Error{ErrorCode::invalid_request, std::move(message), {}, {}}; }

/// First byte that is not part of a valid UTF-8 sequence.
std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > 1 && !text::is_valid_utf8(text.substr(at, length))) return at;
    at += length;
  }
  return std::nullopt;
}

/// nlohmann's parser only for its positions and its words for what it expected.
class Locator : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t& digits) override {
    if (digits.find_first_of(".eE") != string_t::npos) return true;
    fault_ = invalid(fmt::format("{} is an integer beyond 64 bits; use a smaller number",
                                 key_.empty() ? std::string{"the body"} : key_));
    fault_->param = key_;
    return false;
  }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t& name) override {
    key_ = name;
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    fault_ = invalid(fmt::format("the body is not valid JSON: byte {}: {}", position, reason(error.what())));
    return false;
  }

  std::optional<Error> fault_;

 private:
  /// "…: syntax error while parsing value - invalid literal; last read: '…'; expected …" without what was read, which
  /// is content.
  static std::string reason(std::string_view what) {
    constexpr std::string_view kStart = "syntax error ";
    if (what.find("out_of_range") != std::string_view::npos) return "a number is too large";
    const auto start = what.find(kStart);
    if (start == std::string_view::npos) return "unexpected input";
    const std::string_view tail = what.substr(start + kStart.size());
    const auto expected = tail.rfind("; expected ");
    std::string out{tail.substr(0, std::min(tail.find("; last read"), expected))};
    if (expected != std::string_view::npos) out += tail.substr(expected);
    return out;
  }

  std::string key_;
};

}  // namespace

Error explain_json_fault(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return invalid("the body is empty; send a JSON object");
  }
  if (const auto at = invalid_utf8_at(text)) {
    return invalid(fmt::format("the body is not valid UTF-8: byte {}", *at + 1));
  }
  Locator locator;
  nlohmann::json::sax_parse(text.begin(), text.end(), &locator);
  if (locator.fault_) return *std::move(locator.fault_);
  return invalid("the body is not valid JSON");
}

}  // namespace hearth::api
