// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "hearth/base/check.hpp"

namespace hearth::log {
namespace {

std::atomic<Format> g_format{Format::text};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("hearth", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

void append_quoted(std::string& out, std::string_view s) {
  out += '"';
  for (const char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

bool needs_quotes(std::string_view s) { return s.empty() || s.find_first_of(" \"=\\\t\n\r") != std::string_view::npos; }

void append_value(std::string& out, Format format, const Field& field) {
  if (const auto* s = std::get_if<std::string_view>(&field.value)) {
    if (format == Format::json || needs_quotes(*s)) {
      append_quoted(out, *s);
    } else {
      out += *s;
    }
  } else if (const auto* i = std::get_if<std::int64_t>(&field.value)) {
    out += std::to_string(*i);
  } else if (const auto* d = std::get_if<double>(&field.value)) {
    fmt::format_to(std::back_inserter(out), "{:.6g}", *d);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

}  // namespace

void init(LogLevel level, Format format) {
  g_format = format;
  logger().set_level(to_spdlog(level));
  if (format == Format::json) {
    logger().set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
  }
}

bool enabled(LogLevel level) noexcept { return logger().should_log(to_spdlog(level)); }

std::string format_line(Format format, std::string_view event, Fields fields) {
  std::string out;
  if (format == Format::json) {
    out = "\"event\":";
    append_quoted(out, event);
    for (const Field& field : fields) {
      out += ',';
      append_quoted(out, field.key);
      out += ':';
      append_value(out, format, field);
    }
  } else {
    out = event;
    for (const Field& field : fields) {
      out += ' ';
      out += field.key;
      out += '=';
      append_value(out, format, field);
    }
  }
  return out;
}

void write(LogLevel level, std::string_view event, Fields fields) {
  if (enabled(level)) logger().log(to_spdlog(level), "{}", format_line(g_format.load(), event, fields));
}

}  // namespace hearth::log

namespace hearth {

void check_failed(const char* condition, const char* file, int line) noexcept {
  log::error("check failed", {{"condition", condition}, {"file", file}, {"line", line}});
  std::abort();
}

}  // namespace hearth
