// SPDX-License-Identifier: Apache-2.0
#include "segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace hearth::audit {
namespace {

std::unexpected<Error> broken(const std::filesystem::path& file, std::string_view what) {
  return fail(ErrorCode::unavailable, fmt::format("{}: {} ({})", file.string(), what, std::strerror(errno)));
}

/// A new name is durable only when its folder is.
void sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

Segment::~Segment() {
  if (fd_ >= 0) ::close(fd_);
}
Segment::Segment(Segment&& other) noexcept { *this = std::move(other); }
Segment& Segment::operator=(Segment&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(last_line_, other.last_line_);
  std::swap(file_, other.file_);
  return *this;
}

Result<Segment> Segment::open(const std::filesystem::path& file) {
  Segment out;
  out.file_ = file;
  {
    std::ifstream in{file, std::ios::binary};
    std::string line;
    while (std::getline(in, line) && !in.eof()) {
      out.size_ += line.size() + 1;
      std::swap(out.last_line_, line);
    }
  }
  out.fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out.fd_ < 0) return broken(file, "cannot be opened");
  if (::ftruncate(out.fd_, static_cast<off_t>(out.size_)) != 0) return broken(file, "cannot be cut to its whole lines");
  sync_folder(file.parent_path());
  return out;
}

Result<> Segment::append(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (done == bytes.size() && ::fdatasync(fd_) == 0) {
    size_ += bytes.size();
    return {};
  }
  auto failed = broken(file_, "cannot be written");
  (void)::ftruncate(fd_, static_cast<off_t>(size_));  // what nobody was told about shall not be there
  return failed;
}

}  // namespace hearth::audit
