// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::audit {

/// The file that the chain is being written to. Blocks on files; one thread.
class Segment {
 public:
  Segment() = default;
  ~Segment();
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&& other) noexcept;

  /// Opens or makes it for appending, cuts off an unfinished line, and leaves the last whole one in last_line().
  static Result<Segment> open(const std::filesystem::path& file);
  /// All of `bytes` durable, or none of them there.
  Result<> append(std::string_view bytes);

  std::uint64_t size() const noexcept { return size_; }
  const std::string& last_line() const noexcept { return last_line_; }

 private:
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::string last_line_;
  std::filesystem::path file_;
};

}  // namespace hearth::audit
