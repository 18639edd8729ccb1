// SPDX-License-Identifier: Apache-2.0
#include "response_head.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>

#include <fmt/compile.h>
#include <fmt/format.h>
#include <boost/beast/http/status.hpp>

#include "ascii.hpp"

namespace hearth::net {
namespace {

constexpr std::size_t kUsualHead = 512;

bool is_framing(std::string_view name) {
  using ascii::equal_ignoring_case;
  return equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding") ||
         equal_ignoring_case(name, "Connection");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value);
  const auto begins_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::replace_if(out.end() - static_cast<std::ptrdiff_t>(value.size()), out.end(), begins_line, ' ');
  out.append("\r\n");
}

}  // namespace

bool status_has_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

std::string response_head(int status, const Headers& headers, const ResponseFraming& framing, std::string_view date) {
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  std::string out;
  out.reserve(kUsualHead);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("HTTP/1.1 {} {}\r\n"), status,
                 std::string_view{reason.data(), reason.size()});
  append_field(out, "Date", date);
  for (const auto& [name, value] : headers.fields()) {
    if (!is_framing(name) && ascii::is_token(name)) append_field(out, name, value);
  }
  if (framing.chunked) append_field(out, "Transfer-Encoding", "chunked");
  if (framing.content_length) append_field(out, "Content-Length", std::to_string(*framing.content_length));
  if (!framing.keep_alive) append_field(out, "Connection", "close");
  out.append("\r\n");
  return out;
}

std::string http_date() {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t shown = -1;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != shown) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                       utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    shown = now;
  }
  return text;
}

}  // namespace hearth::net
