// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hearth/models/gguf.hpp"

namespace hearth::models::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF is read as little endian, without swapping");

/// Appended to every message, so that each says how to mend it.
inline constexpr std::string_view kMend = "; the file is damaged, incomplete or hostile: download it again";

[[nodiscard]] inline std::unexpected<Error> corrupt(std::string what) {
  return fail(ErrorCode::corrupt_data, std::move(what) + std::string{kMend});
}

/// What came from a file, made safe to print: short, without control characters.
std::string shown(std::string_view text);

/// Reads forward through a ByteSource in chunks; no read passes the end, no length is believed before it is compared
/// with what is left.
class Reader {
 public:
  explicit Reader(ByteSource& source) : source_{source}, size_{source.size()} {}

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t remaining() const noexcept { return size_ - position_; }

  /// `what` names the thing being read, for the message.
  Result<> read(void* out, std::size_t bytes, std::string_view what);
  Result<> skip(std::uint64_t bytes, std::string_view what);

  template <class T>
    requires std::is_arithmetic_v<T>
  Result<T> number(std::string_view what) {
    T value{};
    HEARTH_CHECKED(read(&value, sizeof value, what));
    return value;
  }

  /// A length (u64) and so many bytes.
  Result<std::string> string(std::string_view what, std::uint64_t bytes_max);

 private:
  Result<> refill(std::string_view what);
  std::unexpected<Error> truncated(std::uint64_t wanted, std::string_view what) const;

  ByteSource& source_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
  std::vector<std::byte> chunk_;
  std::uint64_t chunk_start_ = 0;
};

}  // namespace hearth::models::gguf
