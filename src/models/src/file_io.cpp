// SPDX-License-Identifier: Apache-2.0
#include "file_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace hearth::models {
namespace {

constexpr mode_t kFileMode = 0644;

Result<> sync_path(const std::filesystem::path& path, int flags) {
  HEARTH_TRY(const Fd fd, open_file(path, flags));
  if (::fsync(fd.get()) != 0) return fail(file_error("sync", path));
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error file_error(std::string_view doing, const std::filesystem::path& path) {
  const int number = errno;
  ErrorCode code = ErrorCode::internal;
  std::string_view hint;
  switch (number) {
    case ENOENT: code = ErrorCode::not_found; break;
    case EACCES:
    case EPERM:
    case EROFS: code = ErrorCode::forbidden; break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::insufficient_memory;
      hint = "; free disk space or move the model folder (--home)";
      break;
    default: break;
  }
  return Error{code,
               fmt::format("cannot {} {}: {}{}", doing, path.string(), std::generic_category().message(number), hint),
               {},
               {}};
}

Result<Fd> open_file(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
  if (fd < 0) return fail(file_error("open", path));
  return Fd{fd};
}

Result<std::size_t> read_some(const Fd& fd, std::span<char> buffer, const std::filesystem::path& path) {
  while (true) {
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return fail(file_error("read", path));
  }
}

Result<> write_at(const Fd& fd, std::string_view bytes, std::uint64_t offset, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  HEARTH_TRY(const Fd fd, open_file(path, O_RDONLY));
  std::string out;
  std::string buffer(1U << 16, '\0');
  while (true) {
    HEARTH_TRY(const std::size_t n, read_some(fd, buffer, path));
    if (n == 0) return out;
    out.append(buffer, 0, n);
    if (out.size() > max_bytes) {
      return fail(ErrorCode::corrupt_data, fmt::format("{} is larger than {} bytes", path.string(), max_bytes));
    }
  }
}

Result<> make_folders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  errno = error.value();
  return fail(file_error("create the folder", folder));
}

Result<> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  HEARTH_CHECKED(sync_path(from, O_RDONLY));
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(file_error("rename to", to));
  return sync_path(to.parent_path(), O_RDONLY | O_DIRECTORY);
}

Result<> write_file(const std::filesystem::path& to, std::string_view bytes, const std::filesystem::path& temp) {
  const auto write = [&]() -> Result<> {
    HEARTH_TRY(const Fd fd, open_file(temp, O_WRONLY | O_CREAT | O_TRUNC));
    HEARTH_CHECKED(write_at(fd, bytes, 0, temp));
    return move_into_place(temp, to);
  };
  auto written = write();
  if (!written) remove_quietly(temp);
  return written;
}

void remove_quietly(const std::filesystem::path& path) noexcept { ::unlink(path.c_str()); }

Result<std::uint64_t> free_bytes(const std::filesystem::path& folder) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return fail(file_error("ask for free space at", folder));
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  FileLock lock;
  HEARTH_TRY(lock.fd_, open_file(path, O_RDWR | O_CREAT));
  while (::flock(lock.fd_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(file_error("lock", path));
  }
  return lock;
}

Result<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  FileLock lock;
  HEARTH_TRY(lock.fd_, open_file(path, O_RDWR | O_CREAT));
  if (::flock(lock.fd_.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return fail(file_error("lock", path));
  return FileLock{};
}

Result<> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to) {
  {
    HEARTH_TRY(const Fd in, open_file(from, O_RDONLY));
    HEARTH_TRY(const Fd out, open_file(to, O_WRONLY | O_CREAT | O_EXCL));
    if (::ioctl(out.get(), FICLONE, in.get()) == 0) return {};
  }
  remove_quietly(to);
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  if (!error) return {};
  errno = error.value();
  return fail(file_error("copy to", to));
}

}  // namespace hearth::models
