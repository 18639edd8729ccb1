// SPDX-License-Identifier: Apache-2.0
#include "partial_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace hearth::models {
namespace {

constexpr std::uint64_t kStateBytesMax = 64U << 20;

std::filesystem::path state_path(const std::filesystem::path& path) { return path.string() + ".state"; }

bool same_file(const Fd& fd, const std::filesystem::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

Result<> append(const Fd& fd, std::string_view line, const std::filesystem::path& path) {
  const auto n = ::write(fd.get(), line.data(), line.size());  // O_APPEND, one call: whole lines
  if (n != static_cast<ssize_t>(line.size())) return fail(file_error("write", path));
  return {};
}

}  // namespace

Result<std::optional<PartialFile>> PartialFile::open(const std::filesystem::path& path) {
  PartialFile file;
  file.path_ = path;
  HEARTH_TRY(file.lock_, FileLock::try_acquire(path));
  if (!file.lock_.held()) return std::optional<PartialFile>{};
  HEARTH_TRY(file.data_, open_file(path, O_RDWR));
  // The former owner may have renamed or deleted it between our open and our lock.
  if (!same_file(file.data_, path) || !same_file(file.lock_.fd(), path)) return std::optional<PartialFile>{};
  return std::optional<PartialFile>{std::move(file)};
}

Result<> PartialFile::begin(std::uint64_t size, std::uint64_t range, const std::string& validator) {
  const auto wanted = PartialState::fresh(size, range, validator);
  const auto text = read_file(state_path(path_), kStateBytesMax);
  auto found = text ? PartialState::parse(*text) : std::nullopt;
  struct stat info{};
  const bool whole = ::fstat(data_.get(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) == size;
  if (!found || !whole || !found->continues(wanted.size, wanted.validator)) return restart(size, range, validator);
  if (!text->ends_with('\n')) {
    // kill -9 cut the last line short: later lines must not be glued to it.
    const auto keep = static_cast<off_t>(text->rfind('\n') + 1);
    if (::truncate(state_path(path_).c_str(), keep) != 0) return fail(file_error("shorten", state_path(path_)));
  }
  state_ = *std::move(found);
  HEARTH_TRY(log_, open_file(state_path(path_), O_WRONLY | O_APPEND));
  return {};
}

Result<> PartialFile::restart(std::uint64_t size, std::uint64_t range, const std::string& validator) {
  state_ = PartialState::fresh(size, range, validator);
  // The state goes first: without it nothing counts as done.
  HEARTH_TRY(log_, open_file(state_path(path_), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  if (::ftruncate(data_.get(), 0) != 0 || ::ftruncate(data_.get(), static_cast<off_t>(size)) != 0) {
    return fail(file_error("resize", path_));
  }
  return append(log_, state_.head_line(), state_path(path_));
}

Result<> PartialFile::write_range(std::size_t index, std::string_view bytes) const {
  HEARTH_CHECKED(write_at(data_, bytes, state_.offset_of(index), path_));
  return append(log_, PartialState::done_line(index), state_path(path_));
}

Result<> PartialFile::write_bytes(std::string_view bytes, std::uint64_t offset) const {
  return write_at(data_, bytes, offset, path_);
}

Result<> PartialFile::mark_all_done() {
  for (std::size_t i = 0; i < state_.done.size(); ++i) {
    HEARTH_CHECKED(append(log_, PartialState::done_line(i), state_path(path_)));
    state_.done[i] = true;
  }
  return {};
}

void PartialFile::forget_state() const noexcept { remove_quietly(state_path(path_)); }

void PartialFile::discard() const noexcept {
  forget_state();
  remove_quietly(path_);
}

}  // namespace hearth::models
