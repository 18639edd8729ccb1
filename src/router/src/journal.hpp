// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::router {

/// What the ledger knows and its database does not yet: a file in memory that the kernel keeps when the process is
/// killed. Rows are committed many at once, some milliseconds late; without this those of the last moment would be lost
/// to a kill -9. (A loss of power may still take them: that is what the database's own log is for.) One writer, not
/// thread-safe.
class Journal {
 public:
  static constexpr std::size_t kSlots = 8192;  // requests that run or wait to be committed; further ones are not kept

  struct Entry {
    std::int64_t number = 0;
    std::int64_t at_ms = 0;
    std::string principal;
    std::string belongs;
    std::string route;
    bool ended = false;
    // Of one that has ended:
    std::string outcome;
    std::string error;
    std::string decision;
    std::string target;
    std::string zone;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cost_nano = 0;
    std::int64_t saved_nano = 0;
    std::int64_t duration_us = 0;
  };

  /// Makes the file, or finds what an earlier process left in it. internal: the disk is full, say.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& file);
  virtual ~Journal() = default;

  /// In order of their numbers.
  virtual std::vector<Entry> left() const = 0;
  virtual void clear() = 0;

  /// nullopt: all slots are taken.
  virtual std::optional<std::uint32_t> begin(std::int64_t number, std::int64_t at_ms, std::string_view principal,
                                             std::string_view belongs, std::string_view route) = 0;
  virtual void end(std::uint32_t slot, const Entry& entry) = 0;
  /// It is committed.
  virtual void release(std::uint32_t slot) = 0;
};

}  // namespace hearth::router
