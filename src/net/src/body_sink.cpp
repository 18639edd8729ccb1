// SPDX-License-Identifier: Apache-2.0
#include "body_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace hearth::net {
namespace {

// 0, or the errno.
int open_and_write(int& file, const std::string& path, std::string_view bytes) {
  if (file < 0) file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return errno;
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

BodySink::~BodySink() {
  if (file_ < 0) return;
  ::close(file_);
  if (!kept_) ::unlink(path_.c_str());
}

bool BodySink::append(std::string_view piece) {
  pending_.append(piece);
  return !path_.empty() && pending_.size() >= kPiece;
}

Task<Result<>> BodySink::async_flush() {
  auto work = [this] { return open_and_write(file_, path_, pending_); };
  const int error = co_await pool_.async_run(std::move(work));
  pending_.clear();
  if (error != 0) {
    co_return fail(ErrorCode::internal, fmt::format("the upload could not be written to disk (errno {})", error));
  }
  co_return Result<>{};
}

Task<Result<std::string>> BodySink::async_finish() {
  if (path_.empty()) co_return std::move(pending_);
  HEARTH_CO_CHECKED(co_await async_flush());
  kept_ = true;
  co_return std::string{};
}

}  // namespace hearth::net
