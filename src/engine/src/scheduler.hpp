// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "cell_ledger.hpp"
#include "fair_queue.hpp"
#include "prefix_shelf.hpp"
#include "sequence.hpp"
#include "step_planner.hpp"

namespace hearth::engine {

/// What the scheduler does to the real KV cache. The worker's talks to libllama; tests record.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual void copy(std::int32_t from, std::int32_t to, std::int32_t length) = 0;  // share the first cells
  virtual void remove(std::int32_t id) = 0;
  virtual void truncate(std::int32_t id, std::int32_t length) = 0;  // keep the first cells
  /// Whether the first `length` cells of `id` are all that somebody needs who goes on from there: not so where a layer
  /// sees a window only and has given up what is behind it.
  virtual bool can_share(std::int32_t, std::int32_t) const { return true; }

  // What is kept outside the cache (PrefixShelf); a cache that keeps nothing leaves these as they are.
  /// `tokens`, computed under `id`, are about to lose their cells.
  virtual void save(std::int32_t, const std::vector<inference::TokenId>&, const std::string&) {}
  virtual PrefixShelf::Found find_saved(const std::vector<inference::TokenId>&, std::int32_t,
                                        const std::string&) const {
    return {};
  }
  virtual void fetch(PrefixShelf::Key) {}
  virtual bool fetching(PrefixShelf::Key) const { return false; }
  /// Holds on to what is about to be restored, whatever is saved meanwhile. False: it is not there.
  virtual bool prepare(PrefixShelf::Key) { return true; }
  /// Fills the empty `id` with the first `length` tokens. False: it is lost, and `id` is still empty.
  virtual bool restore(PrefixShelf::Key, std::int32_t, std::int32_t) { return false; }
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
    std::int32_t drafted = 0;  // of them guesses, the last ones
  };

  Scheduler(Limits limits, KvCache& kv);

  void enqueue(std::unique_ptr<Sequence> sequence);
  /// Moves waiting sequences to the running ones while cells and places allow.
  void admit(Clock::time_point now);
  /// The next step's work; its cells are reserved. May preempt. Every slice must then be committed or rolled back.
  /// Guesses get what is left: no cell is taken from anybody for them.
  std::vector<Slice> plan(std::int32_t budget);
  void commit(const Slice& slice);
  /// Of the guesses of a committed slice the first `hits` were right and stay; the caller adds them to the tokens.
  void settle(const Slice& slice, std::int32_t hits);
  /// The step did not happen.
  void roll_back(const Slice& slice);

  /// Ends a running sequence; what it computed stays as a cached prefix if it may.
  std::unique_ptr<Sequence> finish(Sequence& sequence);
  /// Takes out every sequence, waiting or running, for which `predicate` holds, keeping nothing of it.
  std::vector<std::unique_ptr<Sequence>> remove_if(const std::function<bool(Sequence&)>& predicate);
  /// Gives up the youngest running sequence's cells; it will run again. False when there is at most one.
  bool preempt_one();
  /// Frees the cells of every cached prefix.
  void drop_cached(bool save = false);
  void charge(const Sequence& sequence, std::int64_t tokens) { waiting_.charge(sequence.principal, tokens); }

  const std::vector<std::unique_ptr<Sequence>>& running() const noexcept { return running_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  /// Somebody waits for a prefix that is being read from a file.
  bool fetching() const {
    return std::ranges::any_of(running_, [](const auto& s) { return s->awaited != 0; });
  }
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
    std::uint32_t uses = 1;
    double worth = 0;  // the least worthy loses its cells first
  };
  struct Match {
    std::int32_t id = -1;  // sequence id to share from now
    std::int32_t length = 0;
    bool cached = false;
    const Sequence* donor = nullptr;  // running sequence that will have more
    std::int32_t goal = 0;
    PrefixShelf::Found saved;  // has more than either, outside the cache
    std::int32_t gain() const { return std::max({length, donor != nullptr ? goal : 0, saved.length}); }
  };
  Match find_prefix(const Sequence& sequence) const;
  Match find_live_prefix(const Sequence& sequence) const;
  bool fits(const Sequence& sequence, const Match& match) const;
  /// Starts a running sequence, or lets it wait for what it shares.
  void begin(Sequence& sequence, const Match& match);
  void start(Sequence& sequence, const Match& match);
  bool restore(Sequence& sequence, const PrefixShelf::Found& saved);
  void wake_blocked();
  bool reserve(Sequence& sequence, std::int32_t count);
  bool reclaim(std::int32_t cells);
  void touch(Cached& entry);
  /// Takes the cells of the cached prefix that is worth least; `spared` is the id of one that stays.
  void evict_one(bool save, std::int32_t spared = -1);
  std::int32_t take_id(std::int32_t spared = -1);
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
  double inflation_ = 0;  // the worth of what was evicted last
  std::uint64_t arrivals_ = 0;
  std::uint64_t preemptions_ = 0;
};

}  // namespace hearth::engine
