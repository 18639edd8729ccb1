// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace hearth::engine {

/// Exact account of the KV cells of one unified cache. libllama frees a cell when no sequence refers to it; this class
/// mirrors that by reference counts, so that admission and preemption can be decided before a decode fails.
/// A sequence is `running` or `cached` (kept only because its prefix may be wanted again). Pure; model thread only.
class CellLedger {
 public:
  CellLedger(std::int32_t cells, std::int32_t sequence_ids);

  std::int32_t total() const noexcept { return static_cast<std::int32_t>(refs_.size()); }
  std::int32_t free() const noexcept { return static_cast<std::int32_t>(unused_.size()); }
  /// Cells that removing every cached sequence would free.
  std::int32_t reclaimable() const noexcept { return reclaimable_; }
  std::int32_t length(std::int32_t seq) const noexcept {
    return static_cast<std::int32_t>(sequences_[seq].cells.size());
  }

  /// Adds `count` cells at the end of a running sequence. False, and nothing changed, when not that many are free.
  bool extend(std::int32_t seq, std::int32_t count);
  /// Makes the empty, running `to` share the first `length` cells of `from`.
  void fork(std::int32_t from, std::int32_t to, std::int32_t length);
  /// Cuts to the first `length` cells.
  void truncate(std::int32_t seq, std::int32_t length);
  void release(std::int32_t seq) {
    truncate(seq, 0);
    set_cached(seq, false);
  }
  void set_cached(std::int32_t seq, bool cached);

 private:
  struct Sequence {
    std::vector<std::uint32_t> cells;  // one a position
    bool cached = false;
  };
  void ref(std::uint32_t cell, bool cached);
  void unref(std::uint32_t cell, bool cached);

  std::vector<std::uint16_t> refs_;     // sequences that hold the cell
  std::vector<std::uint16_t> running_;  // of them, running ones
  std::vector<std::uint32_t> unused_;
  std::vector<Sequence> sequences_;
  std::int32_t reclaimable_ = 0;
};

}  // namespace hearth::engine
