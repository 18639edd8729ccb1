// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

/// Server-sent events (WHATWG HTML, 9.2), both directions. Pure: bytes in, bytes or events out; any one thread.
namespace hearth::net {

/// One event as text that ends in a blank line. A newline (LF, CR or CRLF) inside `data` starts a further `data:`
/// line, so the receiver gets it back as LF. `event` is left out when empty; it must not contain newlines: what
/// follows the first one is dropped.
std::string sse_event(std::string_view data, std::string_view event = {});
/// As sse_event, appended to `out`.
void append_sse_event(std::string& out, std::string_view data, std::string_view event = {});
/// A comment, which receivers ignore: keeps idle streams alive. Newlines as in sse_event.
std::string sse_comment(std::string_view text);

struct SseEvent {
  std::string type;  // "message" when the stream named none
  std::string data;
  std::string id;                 // the last id seen on the stream
  std::optional<int> retry_ms{};  // when the stream set one since the last event
};

/// Incremental parser: pieces may be cut anywhere, also inside a CRLF, a BOM or a character.
/// Bounds: a line of `max_line` bytes and the data of one event of `max_data` bytes; beyond them feed() fails with
/// upstream_error and the parser must not be used further. An event without its blank line at the end is dropped.
class SseParser {
 public:
  static constexpr std::size_t kMaxLine = 4 * 1024 * 1024;
  static constexpr std::size_t kMaxData = 16 * 1024 * 1024;

  explicit SseParser(std::size_t max_line = kMaxLine, std::size_t max_data = kMaxData)
      : max_line_{max_line}, max_data_{max_data} {}

  /// The events that `bytes` completed, in order.
  Result<std::vector<SseEvent>> feed(std::string_view bytes);

 private:
  Result<> take_line(std::string_view line, std::vector<SseEvent>& out);
  Result<> take_field(std::string_view name, std::string_view value);
  void dispatch(std::vector<SseEvent>& out);

  std::size_t max_line_;
  std::size_t max_data_;
  std::string line_;  // the part of a line that has arrived
  std::string type_;
  std::string data_;
  std::string id_;
  std::optional<int> retry_ms_;
  bool first_line_ = true;
  bool after_cr_ = false;  // a LF that comes next belongs to the CR before it
};

}  // namespace hearth::net
