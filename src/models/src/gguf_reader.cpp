// SPDX-License-Identifier: Apache-2.0
#include "gguf_reader.hpp"

#include <algorithm>

namespace hearth::models::gguf {
namespace {
constexpr std::uint64_t kChunkBytes = 256U << 10;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  std::string out;
  for (const char c : text.substr(0, kShownMax)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return text.size() > kShownMax ? out + "..." : out;
}

std::unexpected<Error> Reader::truncated(std::uint64_t wanted, std::string_view what) const {
  return corrupt(fmt::format("the file ends inside {}: {} bytes wanted at byte {}, {} left", what, wanted, position_,
                             remaining()));
}

Result<> Reader::refill(std::string_view what) {
  const std::uint64_t bytes = std::min(kChunkBytes, remaining());
  if (bytes == 0) return truncated(1, what);
  chunk_.resize(bytes);
  chunk_start_ = position_;
  return source_.read_at(position_, chunk_);
}

Result<> Reader::read(void* out, std::size_t bytes, std::string_view what) {
  if (bytes > remaining()) return truncated(bytes, what);
  auto* target = static_cast<std::byte*>(out);
  while (bytes > 0) {
    if (position_ < chunk_start_ || position_ >= chunk_start_ + chunk_.size()) HEARTH_CHECKED(refill(what));
    const std::size_t from = position_ - chunk_start_;
    const std::size_t n = std::min(bytes, chunk_.size() - from);
    std::memcpy(target, chunk_.data() + from, n);
    target += n;
    position_ += n;
    bytes -= n;
  }
  return {};
}

Result<> Reader::skip(std::uint64_t bytes, std::string_view what) {
  if (bytes > remaining()) return truncated(bytes, what);
  position_ += bytes;
  return {};
}

Result<std::string> Reader::string(std::string_view what, std::uint64_t bytes_max) {
  const std::uint64_t at = position_;
  HEARTH_TRY(const auto length, number<std::uint64_t>(what));
  if (length > bytes_max) {
    return corrupt(fmt::format("{} at byte {} claims {} bytes, more than {} are allowed", what, at, length, bytes_max));
  }
  if (length > remaining()) return truncated(length, what);
  std::string out(length, '\0');
  HEARTH_CHECKED(read(out.data(), out.size(), what));
  return out;
}

}  // namespace hearth::models::gguf
