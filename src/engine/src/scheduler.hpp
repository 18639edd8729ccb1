// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "cell_ledger.hpp"
#include "fair_queue.hpp"
#include "sequence.hpp"
#include "step_planner.hpp"

namespace hearth::engine {

/// What the scheduler does to the real KV cache. The worker's talks to libllama; tests record.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual void copy(std::int32_t from, std::int32_t to, std::int32_t length) = 0;  // share the first cells
  virtual void remove(std::int32_t id) = 0;
};

/// Who runs, with whose prefix, and who gives way. Admission counts cells (CellLedger), so a decode finds its cells;
/// when running answers outgrow the cache the youngest of the lowest priority is preempted and computed anew later:
/// no request fails because another one is long. Finished sequences stay as cached prefixes until their cells or ids
/// are needed. A prompt that another one is just computing is waited for, not computed twice.
/// Pure apart from KvCache; model thread only.
class Scheduler {
 public:
  struct Limits {
    std::int32_t cells = 0;
    std::int32_t parallel = 0;      // running at once
    std::int32_t sequence_ids = 0;  // running and cached together, more than `parallel`
    bool share_prefixes = true;     // false for recurrent state
    std::int32_t outputs = 0;       // rows of logits a step can hold, at least `parallel`
  };
  struct Slice {
    Sequence* sequence;
    std::int32_t count;
  };

  Scheduler(Limits limits, KvCache& kv);

  void enqueue(std::unique_ptr<Sequence> sequence);
  /// Moves waiting sequences to the running ones while cells and places allow.
  void admit();
  /// The next step's work; its cells are reserved. May preempt. Every slice must then be committed or rolled back.
  std::vector<Slice> plan(std::int32_t budget);
  void commit(const Slice& slice);
  /// The step did not happen.
  void roll_back(const Slice& slice);

  /// Ends a running sequence; what it computed stays as a cached prefix if it may.
  std::unique_ptr<Sequence> finish(Sequence& sequence);
  /// Takes out every sequence, waiting or running, for which `predicate` holds, keeping nothing of it.
  std::vector<std::unique_ptr<Sequence>> remove_if(const std::function<bool(Sequence&)>& predicate);
  /// Gives up the youngest running sequence's cells; it will run again. False when there is at most one.
  bool preempt_one();
  void drop_cached();
  void charge(const Sequence& sequence, std::int64_t tokens) { waiting_.charge(sequence.principal, tokens); }

  const std::vector<std::unique_ptr<Sequence>>& running() const noexcept { return running_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  bool idle() const noexcept { return running_.empty() && waiting_.empty(); }
  std::int32_t cells_used() const noexcept { return ledger_.total() - ledger_.free(); }
  std::int32_t cells_cached() const noexcept { return ledger_.reclaimable(); }
  std::size_t cached() const noexcept { return cached_.size(); }
  std::uint64_t preemptions() const noexcept { return preemptions_; }

  static constexpr std::int32_t kAnswerReserve = 32;  // cells an admitted request should find for its answer
  static constexpr std::int32_t kWaitGain = 32;       // tokens saved that make waiting for a running prefix worth it

 private:
  struct Cached {
    std::int32_t id;
    std::vector<inference::TokenId> tokens;
    std::string salt;
    std::uint64_t used;  // tick of the last use
  };
  struct Match {
    std::int32_t id = -1;  // sequence id to share from now
    std::int32_t length = 0;
    bool cached = false;
    const Sequence* donor = nullptr;  // running sequence that will have more
    std::int32_t goal = 0;
  };
  Match find_prefix(const Sequence& sequence) const;
  bool fits(const Sequence& sequence, const Match& match) const;
  void start(Sequence& sequence, const Match& match);
  void wake_blocked();
  bool reserve(Sequence& sequence, std::int32_t count);
  bool reclaim(std::int32_t cells);
  void evict_oldest();
  std::int32_t take_id();
  void release(Sequence& sequence);
  void preempt(std::size_t index);
  std::size_t victim(const Sequence* spared) const;
  std::unique_ptr<Sequence> take_running(const Sequence& sequence);

  Limits limits_;
  KvCache& kv_;
  CellLedger ledger_;
  FairQueue<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of admission
  std::list<Cached> cached_;
  std::vector<std::int32_t> free_ids_;
  std::uint64_t tick_ = 0;
  std::uint64_t arrivals_ = 0;
  std::uint64_t preemptions_ = 0;
};

}  // namespace hearth::engine
