// SPDX-License-Identifier: Apache-2.0
#include "gguf_values.hpp"

#include <unordered_set>

namespace hearth::models::gguf {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";

std::uint64_t fixed_bytes(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean: return 1;
    case GgufType::u16:
    case GgufType::i16: return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32: return 4;
    case GgufType::u64:
    case GgufType::i64:
    case GgufType::f64: return 8;
    case GgufType::string:
    case GgufType::array: break;
  }
  return 0;
}

class ValueParser {
 public:
  ValueParser(Reader& reader, const GgufLimits& limits, std::uint64_t& kept_bytes)
      : reader_{reader}, limits_{limits}, kept_bytes_{kept_bytes} {}

  Result<GgufValue> value(GgufType type, std::string_view key, const std::string& what) {
    GgufValue out{type, std::uint64_t{0}};
    if (type == GgufType::array) {
      HEARTH_TRY(out.data, array(key, what));
    } else if (type == GgufType::string) {
      HEARTH_TRY(auto text, reader_.string(what, limits_.string_bytes));
      HEARTH_CHECKED(keep(text.size(), what));
      out.data = std::move(text);
    } else {
      HEARTH_CHECKED(scalar(type, what, out));
    }
    return out;
  }

 private:
  template <class T, class As>
  Result<> take(const std::string& what, GgufValue& out) {
    HEARTH_TRY(const auto v, reader_.number<T>(what));
    out.data = static_cast<As>(v);
    return {};
  }

  Result<> scalar(GgufType type, const std::string& what, GgufValue& out) {
    switch (type) {
      case GgufType::u8: return take<std::uint8_t, std::uint64_t>(what, out);
      case GgufType::u16: return take<std::uint16_t, std::uint64_t>(what, out);
      case GgufType::u32: return take<std::uint32_t, std::uint64_t>(what, out);
      case GgufType::u64: return take<std::uint64_t, std::uint64_t>(what, out);
      case GgufType::i8: return take<std::int8_t, std::int64_t>(what, out);
      case GgufType::i16: return take<std::int16_t, std::int64_t>(what, out);
      case GgufType::i32: return take<std::int32_t, std::int64_t>(what, out);
      case GgufType::i64: return take<std::int64_t, std::int64_t>(what, out);
      case GgufType::f32: return take<float, double>(what, out);
      case GgufType::f64: return take<double, double>(what, out);
      case GgufType::boolean: {
        const std::uint64_t at = reader_.position();
        HEARTH_TRY(const auto byte, reader_.number<std::uint8_t>(what));
        if (byte > 1) return corrupt(fmt::format("{}: the bool at byte {} is {}, not 0 or 1", what, at, byte));
        out.data = byte == 1;
        return {};
      }
      case GgufType::string:
      case GgufType::array: break;
    }
    return fail(ErrorCode::internal, "scalar() called for a string or an array");
  }

  Result<GgufArray> array(std::string_view key, const std::string& what) {
    GgufArray out;
    const std::uint64_t at = reader_.position();
    HEARTH_TRY(const auto element, reader_.number<std::uint32_t>(what));
    HEARTH_TRY(out.length, reader_.number<std::uint64_t>(what));
    out.element = static_cast<GgufType>(element);
    if (out.element == GgufType::array) {
      return corrupt(fmt::format("{} at byte {} is an array of arrays, which is not supported", what, at));
    }
    if (element > static_cast<std::uint32_t>(GgufType::f64)) {
      return corrupt(fmt::format("{} at byte {} has the unknown element type {}", what, at, element));
    }
    const bool strings = out.element == GgufType::string;
    const std::uint64_t each = strings ? 8 : fixed_bytes(out.element);
    if (out.length > reader_.remaining() / each) {
      return corrupt(fmt::format("{} at byte {} claims {} elements, more than the {} bytes left can hold", what, at,
                                 out.length, reader_.remaining()));
    }
    out.kept = out.length <= limits_.kept_elements;
    if (out.kept) HEARTH_CHECKED(keep(out.length * sizeof(std::string), what));
    HEARTH_CHECKED(strings ? string_elements(key == kTokensKey, what, out) : number_elements(what, out));
    return out;
  }

  Result<> number_elements(const std::string& what, GgufArray& out) {
    if (!out.kept) return reader_.skip(out.length * fixed_bytes(out.element), what);
    for (std::uint64_t i = 0; i < out.length; ++i) {
      GgufValue one;
      HEARTH_CHECKED(scalar(out.element, what, one));
      if (const auto* u = std::get_if<std::uint64_t>(&one.data)) out.integers.push_back(static_cast<std::int64_t>(*u));
      if (const auto* s = std::get_if<std::int64_t>(&one.data)) out.integers.push_back(*s);
      if (const auto* b = std::get_if<bool>(&one.data)) out.integers.push_back(*b ? 1 : 0);
      if (const auto* f = std::get_if<double>(&one.data)) out.floats.push_back(*f);
    }
    return {};
  }

  Result<> string_elements(bool tokens, const std::string& what, GgufArray& out) {
    std::unordered_set<std::string> seen;
    for (std::uint64_t i = 0; i < out.length; ++i) {
      HEARTH_TRY(auto text, reader_.string(what, limits_.string_bytes));
      if (out.kept) HEARTH_CHECKED(keep(text.size(), what));
      if (tokens && !out.repeated) {
        // libllama gives an empty entry this name before it demands that all differ
        const bool fresh = seen.insert(text.empty() ? fmt::format("[EMPTY_{}]", i) : text).second;
        if (!fresh) out.repeated = i;
      }
      if (out.kept) out.strings.push_back(std::move(text));
    }
    return {};
  }

  Result<> keep(std::uint64_t bytes, const std::string& what) {
    kept_bytes_ += bytes;
    if (kept_bytes_ <= limits_.kept_bytes) return {};
    return corrupt(fmt::format("{} brings the metadata above {} bytes", what, limits_.kept_bytes));
  }

  Reader& reader_;
  const GgufLimits& limits_;
  std::uint64_t& kept_bytes_;
};

}  // namespace

Result<GgufValue> read_value(Reader& reader, GgufType type, std::string_view key, const GgufLimits& limits,
                             std::uint64_t& kept_bytes) {
  return ValueParser{reader, limits, kept_bytes}.value(type, key, fmt::format("key '{}'", shown(key)));
}

}  // namespace hearth::models::gguf
