// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/sse.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace hearth::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// One "prefix" line for each line of `text`; text that ends in a newline has an empty last line, as the receiver
// joins lines with LF.
void append_lines(std::string& out, std::string_view prefix, std::string_view text) {
  while (true) {
    const std::size_t end = text.find_first_of("\r\n");
    out.append(prefix).append(text.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

}  // namespace

void append_sse_event(std::string& out, std::string_view data, std::string_view event) {
  if (!event.empty()) out.append("event: ").append(event.substr(0, event.find_first_of("\r\n"))).push_back('\n');
  append_lines(out, "data: ", data);
  out.push_back('\n');
}

std::string sse_event(std::string_view data, std::string_view event) {
  std::string out;
  out.reserve(data.size() + event.size() + 24);
  append_sse_event(out, data, event);
  return out;
}

std::string sse_comment(std::string_view text) {
  std::string out;
  append_lines(out, ": ", text);
  out.push_back('\n');
  return out;
}

Result<std::vector<SseEvent>> SseParser::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > max_line_) {
      return fail(ErrorCode::upstream_error, fmt::format("a line of the event stream is over {} bytes", max_line_));
    }
    if (end == std::string_view::npos) {
      line_.append(piece);
      break;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      HEARTH_CHECKED(take_line(piece, events));
    } else {
      line_.append(piece);
      HEARTH_CHECKED(take_line(line_, events));
      line_.clear();
    }
  }
  return events;
}

Result<> SseParser::take_line(std::string_view line, std::vector<SseEvent>& out) {
  if (first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (line.empty()) {
    dispatch(out);
    return {};
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return {};  // a comment
  if (colon == std::string_view::npos) return take_field(line, {});
  std::string_view value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  return take_field(line.substr(0, colon), value);
}

Result<> SseParser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (data_.size() + value.size() + 1 > max_data_) {
      return fail(ErrorCode::upstream_error, fmt::format("an event of the stream is over {} bytes", max_data_));
    }
    data_.append(value).push_back('\n');
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    int milliseconds = 0;
    const bool digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (digits && parsed.ec == std::errc{}) retry_ms_ = milliseconds;
  }
  return {};
}

void SseParser::dispatch(std::vector<SseEvent>& out) {
  if (!data_.empty()) {
    data_.pop_back();  // the LF after its last line
    out.push_back({type_.empty() ? "message" : type_, std::move(data_), id_, retry_ms_});
    retry_ms_.reset();
  }
  data_.clear();
  type_.clear();
}

}  // namespace hearth::net
