// SPDX-License-Identifier: Apache-2.0
#include "chunked_decoder.hpp"

#include <algorithm>

#include "ascii.hpp"

namespace hearth::net {
namespace {

constexpr std::size_t kMaxSizeDigits = 15;

std::unexpected<Fault> refuse(std::string message, int status = 400) {
  return std::unexpected{Fault{status, std::move(message)}};
}

bool has_control(std::string_view line) {
  return std::ranges::any_of(line, [](char c) { return c != '\t' && ascii::is_ctl(c); });
}

}  // namespace

std::expected<ChunkedDecoder::Step, Fault> ChunkedDecoder::next(std::string_view in) {
  switch (state_) {
    case State::done: return Step{};
    case State::size_line:
    case State::trailer: return take_line(in);
    case State::data: {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_in_chunk_, in.size()));
      left_in_chunk_ -= n;
      if (left_in_chunk_ == 0) state_ = State::data_end;
      return Step{n, in.substr(0, n)};
    }
    case State::data_end: break;
  }
  if (!in.empty() && (in[0] != '\r' || (in.size() > 1 && in[1] != '\n')))
    return refuse("a chunk has no CRLF at its end");
  if (in.size() < 2) return Step{};
  state_ = State::size_line;
  return Step{2, {}};
}

std::expected<ChunkedDecoder::Step, Fault> ChunkedDecoder::take_line(std::string_view in) {
  const std::size_t lf = in.substr(0, kMaxLine).find('\n');
  if (lf == std::string_view::npos) {
    if (in.size() >= kMaxLine) return refuse("a line of the chunked body is too long");
    return Step{};
  }
  if (lf == 0 || in[lf - 1] != '\r') return refuse("a line of the chunked body ends in LF without CR");
  const std::string_view line = in.substr(0, lf - 1);
  if (has_control(line)) return refuse("a line of the chunked body has a control character");
  if (state_ == State::size_line) {
    if (auto ok = take_size(line); !ok) return std::unexpected{std::move(ok).error()};
  } else if (line.empty()) {
    state_ = State::done;
  } else {
    if (!ascii::is_token(line.substr(0, line.find(':'))) || line.find(':') == std::string_view::npos) {
      return refuse("a trailer of the chunked body is not a header");
    }
    if (auto ok = spend_overhead(line.size()); !ok) return std::unexpected{std::move(ok).error()};
  }
  return Step{lf + 1, {}};
}

std::expected<void, Fault> ChunkedDecoder::take_size(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  while (digits < line.size() && ascii::hex_value(line[digits]) >= 0) {
    if (digits == kMaxSizeDigits) return refuse("a chunk size has too many digits");
    size = size * 16 + static_cast<std::uint64_t>(ascii::hex_value(line[digits++]));
  }
  if (digits == 0) return refuse("a chunk size is not a number");
  if (digits < line.size() && line[digits] != ';') return refuse("a chunk size is followed by something else");
  if (auto ok = spend_overhead(line.size() - digits); !ok) return ok;
  if (size > left_in_body_) return refuse("the body is too large", 413);
  left_in_body_ -= size;
  left_in_chunk_ = size;
  state_ = size == 0 ? State::trailer : State::data;
  return {};
}

std::expected<void, Fault> ChunkedDecoder::spend_overhead(std::size_t bytes) {
  overhead_ += bytes;
  if (overhead_ > kMaxOverhead) return refuse("the chunked body has too many extensions or trailers");
  return {};
}

}  // namespace hearth::net
