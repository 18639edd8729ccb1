// SPDX-License-Identifier: Apache-2.0
#include "cell_ledger.hpp"

#include "hearth/base/check.hpp"

namespace hearth::engine {

CellLedger::CellLedger(std::int32_t cells, std::int32_t sequence_ids)
    : refs_(static_cast<std::size_t>(cells)),
      running_(static_cast<std::size_t>(cells)),
      sequences_(static_cast<std::size_t>(sequence_ids)) {
  unused_.reserve(refs_.size());
  for (std::uint32_t cell = static_cast<std::uint32_t>(cells); cell-- > 0;) unused_.push_back(cell);
}

void CellLedger::ref(std::uint32_t cell, bool cached) {
  if (refs_[cell] > 0 && running_[cell] == 0 && !cached) --reclaimable_;
  if (refs_[cell] == 0 && cached) ++reclaimable_;
  ++refs_[cell];
  if (!cached) ++running_[cell];
}

void CellLedger::unref(std::uint32_t cell, bool cached) {
  --refs_[cell];
  if (!cached) --running_[cell];
  if (refs_[cell] == 0) {
    if (cached) --reclaimable_;
    unused_.push_back(cell);
  } else if (!cached && running_[cell] == 0) {
    ++reclaimable_;
  }
}

bool CellLedger::extend(std::int32_t seq, std::int32_t count) {
  if (count > free()) return false;
  Sequence& sequence = sequences_[seq];
  HEARTH_CHECK(!sequence.cached);
  for (; count > 0; --count) {
    const std::uint32_t cell = unused_.back();
    unused_.pop_back();
    sequence.cells.push_back(cell);
    ref(cell, false);
  }
  return true;
}

void CellLedger::fork(std::int32_t from, std::int32_t to, std::int32_t length) {
  const Sequence& source = sequences_[from];
  Sequence& target = sequences_[to];
  HEARTH_CHECK(target.cells.empty() && !target.cached && from != to);
  HEARTH_CHECK(length <= static_cast<std::int32_t>(source.cells.size()));
  target.cells.assign(source.cells.begin(), source.cells.begin() + length);
  for (const std::uint32_t cell : target.cells) ref(cell, false);
}

void CellLedger::truncate(std::int32_t seq, std::int32_t length) {
  Sequence& sequence = sequences_[seq];
  while (static_cast<std::int32_t>(sequence.cells.size()) > length) {
    unref(sequence.cells.back(), sequence.cached);
    sequence.cells.pop_back();
  }
}

void CellLedger::set_cached(std::int32_t seq, bool cached) {
  Sequence& sequence = sequences_[seq];
  if (sequence.cached == cached) return;
  for (const std::uint32_t cell : sequence.cells) {
    if (cached) {
      if (--running_[cell] == 0) ++reclaimable_;
    } else {
      if (running_[cell]++ == 0) --reclaimable_;
    }
  }
  sequence.cached = cached;
}

}  // namespace hearth::engine
