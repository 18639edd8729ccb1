// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "fault.hpp"

namespace hearth::net {

/// Strict decoder of the chunked coding (RFC 9112, 7.1). Pure; one body each. Refused with 400: bare LF, white space
/// around a size, sizes of more than 15 digits, a chunk without its CRLF, control characters in extensions and
/// trailers. Bounds: a size line of kMaxLine bytes, kMaxOverhead bytes of extensions and trailers in one body (both
/// 400), and `max_body` bytes of data (413). Extensions and trailers are checked and dropped.
class ChunkedDecoder {
 public:
  static constexpr std::size_t kMaxLine = 1024;
  static constexpr std::size_t kMaxOverhead = 16 * 1024;

  explicit ChunkedDecoder(std::uint64_t max_body) : left_in_body_{max_body} {}

  struct Step {
    std::size_t consumed = 0;  // bytes of the input that are done with; 0 while more input is needed
    std::string_view data;     // a part of the input that belongs to the body
  };
  /// Decodes the front of `in`. Call again with what is left until `consumed` is 0 or done().
  std::expected<Step, Fault> next(std::string_view in);
  bool done() const noexcept { return state_ == State::done; }

 private:
  enum class State : std::uint8_t { size_line, data, data_end, trailer, done };
  std::expected<Step, Fault> take_line(std::string_view in);
  std::expected<void, Fault> take_size(std::string_view line);
  std::expected<void, Fault> spend_overhead(std::size_t bytes);

  State state_ = State::size_line;
  std::uint64_t left_in_chunk_ = 0;
  std::uint64_t left_in_body_;
  std::size_t overhead_ = 0;
};

}  // namespace hearth::net
