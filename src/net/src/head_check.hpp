// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "fault.hpp"
#include "hearth/net/http.hpp"
#include "target.hpp"

/// The strict judge of HTTP/1.x request heads (RFC 9112). Pure: no sockets, no clock. Everything two parsers could
/// read differently is refused, so a request can not be smuggled through Hearth or past a proxy in front of it.
namespace hearth::net {

enum class Framing : std::uint8_t { none, length, chunked };

struct RequestHead {
  std::string method;
  Target target;
  Headers headers;
  int minor_version = 1;  // HTTP/1.x
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  bool keep_alive = true;
  bool expect_continue = false;
};

struct HeadLimits {
  std::size_t max_bytes = 32 * 1024;
  std::size_t max_fields = 100;
};

/// Where the head ends in bytes that are still arriving.
struct HeadEnd {
  enum class State : std::uint8_t { incomplete, complete, malformed };
  State state = State::incomplete;
  std::size_t size = 0;  // complete: bytes of the head with its empty line
};

/// Looks for the empty line; bytes before `from` were looked at by an earlier call. A line feed without a carriage
/// return is malformed at once: waiting for more would only end in a timeout.
HeadEnd find_head_end(std::string_view bytes, std::size_t from) noexcept;

/// Judges one complete head, its empty line included. Refused with 400: bare CR or LF, obsolete folding, space before
/// a colon, names that are no token or only look like Content-Length or Transfer-Encoding, control characters in
/// values, both of those headers, either of them twice, a length that is not 1*DIGIT within 63 bits, a coding that is
/// not exactly "chunked", a coding in HTTP/1.0, none or two Host headers in 1.1, a body on GET or HEAD (a length of 0
/// is let through), versions other than 1.0 and 1.1, targets as parse_target says. 417: an unknown Expect. 431: too
/// large.
std::expected<RequestHead, Fault> check_head(std::string_view head, const HeadLimits& limits);

}  // namespace hearth::net
