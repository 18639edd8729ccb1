// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "hearth/base/error.hpp"

/// Structured logging to stderr: an event name and fields, never prose, never content of prompts, answers or keys.
/// Any thread may log. `error`: someone must act; `warn`: degraded, heals itself; `info`: lifecycle and one line a
/// request; `debug`: off in production.
namespace hearth::log {

struct Field {
  template <class T>
    requires std::is_arithmetic_v<T>
  Field(std::string_view k, T v) : key{k} {
    if constexpr (std::is_same_v<T, bool>) {
      value = v;
    } else if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<double>(v);
    } else {
      value = static_cast<std::int64_t>(v);
    }
  }
  Field(std::string_view k, std::string_view v) : key{k}, value{v} {}
  Field(std::string_view k, const std::string& v) : key{k}, value{std::string_view{v}} {}
  Field(std::string_view k, const char* v) : key{k}, value{std::string_view{v}} {}

  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

using Fields = std::initializer_list<Field>;

enum class Format : std::uint8_t { text, json };

/// Call once, before threads start. Without it: text, level info.
void init(LogLevel level, Format format);

void write(LogLevel level, std::string_view event, Fields fields);
bool enabled(LogLevel level) noexcept;

inline void debug(std::string_view event, Fields fields = {}) { write(LogLevel::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(LogLevel::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(LogLevel::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(LogLevel::error, event, fields); }

/// The line without time and level; what `write` prints. Exposed for tests.
std::string format_line(Format format, std::string_view event, Fields fields);

}  // namespace hearth::log
