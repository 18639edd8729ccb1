// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "hearth/async/blocking_pool.hpp"
#include "hearth/base/result.hpp"

namespace hearth::net {

/// Where a request body goes: into memory, or into a file in pieces of at most kPiece that the blocking pool writes, so
/// the io thread never waits for a disk and the client is slowed to the disk's pace. Removes the file when destroyed
/// before finish() succeeded. One coroutine at a time.
class BodySink {
 public:
  static constexpr std::size_t kPiece = 1024 * 1024;

  /// `spool_path` empty: into memory. `pool` outlives this.
  BodySink(async::BlockingPool& pool, std::string spool_path) : pool_{pool}, path_{std::move(spool_path)} {}
  ~BodySink();
  BodySink(const BodySink&) = delete;
  BodySink& operator=(const BodySink&) = delete;

  /// True: async_flush() before more comes.
  bool append(std::string_view piece);
  Task<Result<>> async_flush();
  /// All is there. Returns the body, empty when it went to the file.
  Task<Result<std::string>> async_finish();

 private:
  async::BlockingPool& pool_;
  std::string path_;
  std::string pending_;
  int file_ = -1;
  bool kept_ = false;
};

}  // namespace hearth::net
