// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "file_io.hpp"
#include "partial_state.hpp"

namespace hearth::models {

/// A download on disk: the bytes so far (`path`) and the state beside them (`path`.state). The file is locked while
/// this object lives, against other processes and other pulls here; a killed process lets go by itself.
/// Blocks on files. write_range may run on several threads at once for different ranges; the rest is for one at a time.
class PartialFile {
 public:
  /// Empty optional: somebody else is writing it right now.
  static Result<std::optional<PartialFile>> open(const std::filesystem::path& path);

  /// Keeps what is there if it is the same download, else starts over. Space is not reserved.
  Result<> begin(std::uint64_t size, std::uint64_t range, const std::string& validator);
  /// Throws away what is there.
  Result<> restart(std::uint64_t size, std::uint64_t range, const std::string& validator);
  const PartialState& state() const noexcept { return state_; }

  /// Writes the bytes of a range and then the line that says so. mark_done() makes it visible in state().
  Result<> write_range(std::size_t index, std::string_view bytes) const;
  void mark_done(std::size_t index) { state_.done[index] = true; }
  /// For downloads without ranges: bytes anywhere, and one call at the end.
  Result<> write_bytes(std::string_view bytes, std::uint64_t offset) const;
  Result<> mark_all_done();

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Deletes the state (the bytes were renamed away), or both.
  void forget_state() const noexcept;
  void discard() const noexcept;

 private:
  std::filesystem::path path_;
  FileLock lock_;
  Fd data_;
  Fd log_;
  PartialState state_;
};

}  // namespace hearth::models
