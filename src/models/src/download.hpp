// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "context.hpp"
#include "hearth/async/task_group.hpp"
#include "partial_file.hpp"
#include "web.hpp"

namespace hearth::models {

/// A file that somebody serves.
struct Source {
  net::Url url;
  std::string key;     // names the partial file: the digest if it is known, else unique to the URL
  std::string sha256;  // expected; empty if nobody said
  std::optional<std::uint64_t> size;
};

/// Sends `pulling <12 hex>` lines for one file, not more often than a terminal can show.
class Meter {
 public:
  Meter(const OnProgress& progress, const Source& source);
  void set_total(std::uint64_t total) { line_.total = total; }
  void add(std::int64_t bytes);
  void flush() const;

 private:
  const OnProgress& progress_;
  Progress line_;
  Clock::time_point shown_{};
};

/// Fills a PartialFile from a Source: several ranged GETs at once, each tried again when it fails or stalls; in one
/// stream if the server ignores Range. What is there already is not asked for again.
/// One executor; cancellation stops all ranges before async_run() returns. The content is not verified here.
class Download {
 public:
  Download(StoreContext& context, Web& web, Source source, PartialFile& file, const OnProgress& progress);
  Task<Result<>> async_run();
  /// True if some of the file was there before: if the digest is wrong then, a second try from zero is worth it.
  bool resumed() const noexcept { return resumed_; }

 private:
  struct Target {
    net::Url url;  // behind the redirects
    std::uint64_t size = 0;
    bool ranges = false;
    std::string validator;
  };
  struct Range;

  Task<Result<>> async_aim();
  Task<Result<Target>> async_probe();
  Task<Result<>> async_fill_ranges();
  Task<> async_worker();
  Task<Result<>> async_range(std::size_t index);
  Task<Result<>> async_range_once(std::size_t index);
  Task<Result<>> async_whole();
  Task<Result<>> async_whole_once();
  net::ClientRequest request_for(const Range& range) const;
  bool may_try_again(const Error& error, unsigned attempt) const;

  StoreContext& context_;
  Web& web_;
  Source source_;
  PartialFile& file_;
  Meter meter_;
  Target target_;
  bool resumed_ = false;
  std::size_t next_ = 0;  // first range nobody has taken
  std::optional<Error> error_;
  async::TaskGroup* group_ = nullptr;
};

/// "bytes 0-9/100": begin, end (inclusive), size. Nothing if it is not that (RFC 9110, 14.4).
struct ContentRange {
  std::uint64_t begin = 0;
  std::uint64_t last = 0;
  std::uint64_t size = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace hearth::models
