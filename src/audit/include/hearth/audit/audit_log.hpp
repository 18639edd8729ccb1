// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "hearth/async/asio.hpp"
#include "hearth/audit/record.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"

namespace hearth::audit {

/// Append-only, hash-chained records in `<home>/audit/`: JSON lines, each with the SHA-256 of the line before it, in
/// segments named by their first record. `head.json` names the last record as of at most a second ago and is signed
/// (Ed25519) with `<home>/audit.key`: a chain that is shorter than its head was cut. One process at a time writes.
/// One thread, `audit`, writes and syncs; what arrives meanwhile is written together.
class AuditLog {
 public:
  struct Options {
    std::filesystem::path home;
    std::uint64_t segment_bytes = 64ULL << 20;              // then the next one begins
    std::chrono::hours keep{std::chrono::hours{24} * 365};  // older segments go, and the chain says so
    std::chrono::milliseconds head_every{1'000};            // between signatures
    std::size_t queue_max = 1U << 16;                       // records that wait
  };
  /// Goes on where the last process ended; an unfinished line at the end, which nobody was told about, is cut off.
  /// conflict: another process writes it; corrupt_data: what is there is no chain, see verify().
  static Result<std::unique_ptr<AuditLog>> open(Options options);
  /// Writes what was posted and signs the head.
  virtual ~AuditLog() = default;

  /// Returns when the record is durable. Any io thread. unavailable: it is not (full disk, full queue), and what it
  /// would have allowed must not happen. A coroutine that is cancelled meanwhile leaves a record of what did not
  /// happen.
  virtual Task<Result<>> async_append(Record record) = 0;
  /// Without waiting. Any thread. Lost only with the machine, or when the queue is full, which the log says.
  virtual void append(Record record) = 0;
};

/// What a chain came to.
struct Verdict {
  std::uint64_t records = 0;
  std::uint64_t first = 0;  // sequence number of the oldest record that is kept
  std::uint64_t last = 0;
  std::uint64_t pruned = 0;     // records that retention removed, as the chain itself says
  std::uint64_t unsigned_ = 0;  // records behind the last signature: of a crash, or of a log that is being written
  bool unfinished = false;      // a line without an end: a crash while it was written
};

/// Reads the whole chain. corrupt_data says what is wrong and where: a line that was changed, removed, moved or added,
/// a chain that is shorter than its signed head, a signature that is none. not_found: there is no log. Blocks on files.
Result<Verdict> verify(const std::filesystem::path& home);

/// Each whole line, oldest first, until `on_line` fails. Says nothing of the chain. Blocks on files.
Result<> read(const std::filesystem::path& home, const std::function<Result<>(std::string_view line)>& on_line);

}  // namespace hearth::audit
