// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/base/result.hpp"

/// Files that survive kill -9 and power loss: what has its final name is whole and on disk. Everything here blocks
/// and belongs on the blocking pool. Errors name the path: not_found, forbidden, insufficient_memory (disk full),
/// internal.
namespace hearth::models {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_{fd} {}
  Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const noexcept { return fd_; }
  bool open() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The error for `errno` as it is now; `doing` is a verb: "open", "write".
Error file_error(std::string_view doing, const std::filesystem::path& path);

/// `flags` as for open(2); created files have mode 0644.
Result<Fd> open_file(const std::filesystem::path& path, int flags);
/// Up to `buffer` bytes from the current position; 0 at the end.
Result<std::size_t> read_some(const Fd& fd, std::span<char> buffer, const std::filesystem::path& path);
Result<> write_at(const Fd& fd, std::string_view bytes, std::uint64_t offset, const std::filesystem::path& path);
/// The whole file, refused with corrupt_data when it is larger than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

Result<> make_folders(const std::filesystem::path& folder);
/// Gives the finished file `from` its name `to` (same file system): fsync, rename, fsync of the folder.
Result<> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);
/// Writes `bytes` to `temp`, then move_into_place. `temp` is gone when this fails.
Result<> write_file(const std::filesystem::path& to, std::string_view bytes, const std::filesystem::path& temp);
/// Missing is fine.
void remove_quietly(const std::filesystem::path& path) noexcept;
/// Bytes that this user may still write to the file system of `folder`.
Result<std::uint64_t> free_bytes(const std::filesystem::path& folder);

/// flock(2): excludes other processes and other threads; given back by the destructor or the death of the process.
class FileLock {
 public:
  /// Waits for its turn.
  static Result<FileLock> acquire(const std::filesystem::path& path);
  /// A FileLock for which held() is false if somebody else has it.
  static Result<FileLock> try_acquire(const std::filesystem::path& path);
  bool held() const noexcept { return fd_.open(); }
  const Fd& fd() const noexcept { return fd_; }

 private:
  Fd fd_;
};

/// Makes `to` have the content of `from`: reflink (costs nothing, stays independent), else hard link, else copy.
/// The caller syncs. `to` must not exist.
Result<> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace hearth::models
