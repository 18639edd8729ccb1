// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <algorithm>
#include <utility>

#include "hearth/base/check.hpp"

namespace hearth::engine {
namespace {

std::int32_t common_prefix(const std::vector<inference::TokenId>& a, const std::vector<inference::TokenId>& b,
                           std::int32_t limit) {
  const auto n = std::min({a.size(), b.size(), static_cast<std::size_t>(limit)});
  return static_cast<std::int32_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin());
}

/// False when `a` and `b` surely have not more than `length` tokens in common: a look at two of them instead of all.
bool may_share_more(const std::vector<inference::TokenId>& a, const std::vector<inference::TokenId>& b,
                    std::int32_t length) {
  const auto at = static_cast<std::size_t>(length);
  return a.size() > at && b.size() > at && a[at] == b[at] && a.front() == b.front();
}

}  // namespace

Scheduler::Scheduler(Limits limits, KvCache& kv)
    : limits_{limits}, kv_{kv}, ledger_{limits.cells, limits.sequence_ids} {
  HEARTH_CHECK(limits.sequence_ids > limits.parallel);
  for (std::int32_t id = limits.sequence_ids; id-- > 0;) free_ids_.push_back(id);
}

void Scheduler::enqueue(std::unique_ptr<Sequence> sequence) {
  sequence->arrival = ++arrivals_;
  const std::string principal = sequence->principal;
  const std::int32_t priority = sequence->priority;
  const Deadline latest = sequence->latest_start;
  waiting_.push(principal, priority, std::move(sequence), latest);
}

Scheduler::Match Scheduler::find_prefix(const Sequence& sequence) const {
  Match match = find_live_prefix(sequence);
  if (!limits_.share_prefixes || !sequence.share || sequence.all_outputs) return match;
  const PrefixShelf::Found saved = kv_.find_saved(sequence.tokens, sequence.size() - 1, sequence.salt);
  if (saved.length >= match.gain() + kWaitGain) match.saved = saved;
  return match;
}

Scheduler::Match Scheduler::find_live_prefix(const Sequence& sequence) const {
  Match match;
  if (!limits_.share_prefixes || !sequence.share || sequence.all_outputs) return match;
  const std::int32_t limit = sequence.size() - 1;  // the last token must be computed: its logits are wanted
  for (const Cached& entry : cached_) {
    if (entry.salt != sequence.salt || !may_share_more(entry.tokens, sequence.tokens, match.length)) continue;
    const std::int32_t length = common_prefix(entry.tokens, sequence.tokens, limit);
    if (length > match.length && kv_.can_share(entry.id, length))
      match = {.id = entry.id, .length = length, .cached = true};
  }
  for (const auto& other : running_) {
    if (other.get() == &sequence || !other->share || other->salt != sequence.salt) continue;
    if (!may_share_more(other->tokens, sequence.tokens, std::min(match.length, match.goal))) continue;
    const std::int32_t length = common_prefix(other->tokens, sequence.tokens, limit);
    const std::int32_t there = std::min(length, other->done);
    if (other->id >= 0 && there > match.length && kv_.can_share(other->id, there)) {
      match.id = other->id;
      match.length = there;
      match.cached = false;
    }
    // Only one that makes progress itself can be waited for: two that wait for each other would wait for ever.
    if (other->id >= 0 && other->donor == nullptr && length > match.goal && length > other->done) {
      match.goal = length;
      match.donor = other.get();
    }
  }
  if (match.goal < match.length + kWaitGain) match.donor = nullptr;
  return match;
}

bool Scheduler::fits(const Sequence& sequence, const Match& match) const {
  if (running_.empty()) return true;  // the submitter has checked that it fits alone
  std::int32_t promised = 0;
  for (const auto& other : running_) promised += other->remaining();
  const std::int32_t reclaimable = ledger_.reclaimable() - (match.cached ? match.length : 0);
  const std::int32_t needed = match.saved.key != 0 ? std::max(match.saved.size, sequence.size())  // cells of its own
                                                   : sequence.size() - match.gain();
  return needed + kAnswerReserve <= ledger_.free() + reclaimable - promised;
}

void Scheduler::admit(Clock::time_point now) {
  wake_blocked();
  while (!waiting_.empty() && static_cast<std::int32_t>(running_.size()) < limits_.parallel) {
    const auto gain = [this](const std::unique_ptr<Sequence>& sequence) { return find_prefix(*sequence).gain(); };
    const auto next = waiting_.next(now, gain);
    const Match match = find_prefix(*next->item);
    if (!fits(*next->item, match)) return;  // first in line keeps its place: nobody overtakes it for ever
    running_.push_back(waiting_.take(next));
    begin(*running_.back(), match);
  }
}

void Scheduler::begin(Sequence& sequence, const Match& match) {
  if (match.saved.key != 0 && !match.saved.ready) {
    kv_.fetch(match.saved.key);
    sequence.awaited = match.saved.key;
  } else if (match.saved.key != 0) {
    if (!restore(sequence, match.saved)) start(sequence, find_live_prefix(sequence));
  } else if (match.donor != nullptr) {
    sequence.donor = match.donor;
    sequence.donor_goal = match.goal;
  } else {
    start(sequence, match);
  }
}

bool Scheduler::restore(Sequence& sequence, const PrefixShelf::Found& saved) {
  if (!kv_.prepare(saved.key)) return false;
  sequence.id = take_id();
  // Cells for the whole of it, if only for a moment: libllama restores a state or nothing.
  if (reclaim(saved.size) && ledger_.extend(sequence.id, saved.size)) {
    if (kv_.restore(saved.key, sequence.id, saved.length)) {
      ledger_.truncate(sequence.id, saved.length);
      sequence.done = saved.length;
      if (sequence.size() == sequence.prompt) sequence.reused = saved.length;
      return true;
    }
  }
  release(sequence);
  return false;
}

void Scheduler::start(Sequence& sequence, const Match& match) {
  if (match.cached) {
    // Touch first: taking an id may evict, and must not evict the prefix that is about to be shared.
    for (Cached& entry : cached_) {
      if (entry.id == match.id) touch(entry);
    }
  }
  sequence.id = take_id(match.cached ? match.id : -1);
  sequence.done = 0;
  sequence.donor = nullptr;
  if (match.length <= 0) return;
  kv_.copy(match.id, sequence.id, match.length);
  ledger_.fork(match.id, sequence.id, match.length);
  sequence.done = match.length;
  if (sequence.size() == sequence.prompt) sequence.reused = match.length;
  // A prefix wholly contained in a running conversation serves nobody else better than that one does.
  cached_.remove_if([&](const Cached& entry) {
    if (!match.cached || entry.id != match.id || static_cast<std::int32_t>(entry.tokens.size()) > match.length)
      return false;
    sequence.uses = entry.uses;
    ledger_.release(entry.id);
    kv_.remove(entry.id);
    free_ids_.push_back(entry.id);
    return true;
  });
}

void Scheduler::wake_blocked() {
  for (const auto& sequence : running_) {
    if (sequence->awaited != 0) {
      if (kv_.fetching(sequence->awaited)) continue;
      sequence->awaited = 0;
      begin(*sequence, find_prefix(*sequence));
      continue;
    }
    if (sequence->donor == nullptr) continue;
    const bool here = std::ranges::any_of(running_, [&](const auto& other) { return other.get() == sequence->donor; });
    if (here && sequence->donor->done < sequence->donor_goal && sequence->donor->remaining() > 0) continue;
    sequence->donor = nullptr;
    begin(*sequence, find_prefix(*sequence));
  }
}

std::vector<Scheduler::Slice> Scheduler::plan(std::int32_t budget) {
  while (true) {
    wake_blocked();
    std::vector<StepWork> work;
    std::int32_t outputs = limits_.outputs;
    for (const auto& s : running_) {
      // At most one row each and one a guess; what is left may go to prompts that want all rows.
      if (s->id >= 0) outputs -= 1 + static_cast<std::int32_t>(s->draft.size());
    }
    for (const auto& s : running_) {
      const bool ready = s->donor == nullptr && s->id >= 0;
      const auto known = s->remaining() + static_cast<std::int32_t>(s->draft.size());
      work.push_back({.remaining = ready ? known : 0,
                      .generating = s->generating(),
                      .skipped = s->skipped,
                      .slice_max = s->all_outputs && s->reported < s->prompt ? std::max(1, outputs + 1) : 0});
      if (s->all_outputs) outputs = 0;
    }
    std::vector<Slice> slices;
    std::vector<Sequence*> order;
    for (const auto& s : running_) order.push_back(s.get());
    const std::uint64_t preempted_before = preemptions_;
    for (const StepSlice& slice : plan_step(work, budget)) {
      Sequence& sequence = *order[slice.index];
      if (sequence.id < 0) continue;  // gave way to an earlier slice of this step
      std::int32_t count = slice.count;
      std::int32_t drafted = std::max(0, count - sequence.remaining());
      // Guesses leave the others a cell each.
      if (drafted > 0 && ledger_.free() < count + static_cast<std::int32_t>(running_.size()))
        count -= std::exchange(drafted, 0);
      if (!sequence.generating()) count = std::min(count, ledger_.free() + ledger_.reclaimable());
      if (count > 0 && reserve(sequence, count)) slices.push_back({&sequence, count, drafted});
    }
    if (preemptions_ != preempted_before) {
      std::erase_if(slices, [](const Slice& slice) { return slice.sequence->id < 0; });
    }
    for (const auto& s : running_) ++s->skipped;
    for (const Slice& slice : slices) slice.sequence->skipped = 0;
    const bool stuck = slices.empty() && std::ranges::any_of(running_, [](const auto& s) { return s->id >= 0; });
    if (!stuck || !preempt_one()) return slices;
  }
}

bool Scheduler::reserve(Sequence& sequence, std::int32_t count) {
  while (!ledger_.extend(sequence.id, count)) {
    if (reclaim(count)) continue;
    if (!sequence.generating()) return false;
    const std::size_t index = victim(&sequence);
    if (index == running_.size()) return false;
    preempt(index);
  }
  return true;
}

void Scheduler::commit(const Slice& slice) {
  slice.sequence->done += slice.count - slice.drafted;
  charge(*slice.sequence, slice.count - slice.drafted);
}

void Scheduler::settle(const Slice& slice, std::int32_t hits) {
  Sequence& sequence = *slice.sequence;
  sequence.done += hits;
  charge(sequence, hits);
  sequence.draft.clear();
  if (hits == slice.drafted) return;
  ledger_.truncate(sequence.id, sequence.done);
  kv_.truncate(sequence.id, sequence.done);
}

void Scheduler::roll_back(const Slice& slice) { ledger_.truncate(slice.sequence->id, slice.sequence->done); }

bool Scheduler::reclaim(std::int32_t cells) {
  while (ledger_.free() < cells && !cached_.empty()) evict_one(true);
  return ledger_.free() >= cells;
}

/// GreedyDual-Size with frequency (Cherkasova, 1998): what was used often, and what costs more to compute again for
/// each cell that it holds, stays longer; what is not used any more is overtaken by the worth of what comes and goes.
void Scheduler::touch(Cached& entry) {
  constexpr double kAttentionAsMuch = 4096;  // tokens from which attention costs a token as much as the weights do
  const double cost_a_cell = 1 + static_cast<double>(entry.tokens.size()) / 2 / kAttentionAsMuch;
  entry.worth = inflation_ + entry.uses++ * cost_a_cell;
}

void Scheduler::evict_one(bool save, std::int32_t spared) {
  const auto key = [spared](const Cached& entry) { return std::pair{entry.id == spared, entry.worth}; };
  const auto least = std::ranges::min_element(cached_, {}, key);
  inflation_ = least->worth;
  if (save) kv_.save(least->id, least->tokens, least->salt);
  ledger_.release(least->id);
  kv_.remove(least->id);
  free_ids_.push_back(least->id);
  cached_.erase(least);
}

std::int32_t Scheduler::take_id(std::int32_t spared) {
  if (free_ids_.empty()) evict_one(true, spared);  // more ids than running sequences: some cached one holds an id
  const std::int32_t id = free_ids_.back();
  free_ids_.pop_back();
  return id;
}

void Scheduler::release(Sequence& sequence) {
  if (sequence.id < 0) return;
  ledger_.release(sequence.id);
  kv_.remove(sequence.id);
  free_ids_.push_back(sequence.id);
  sequence.id = -1;
  sequence.done = 0;
  sequence.draft.clear();
}

std::unique_ptr<Sequence> Scheduler::take_running(const Sequence& sequence) {
  const auto it = std::ranges::find_if(running_, [&](const auto& s) { return s.get() == &sequence; });
  HEARTH_CHECK(it != running_.end());
  std::unique_ptr<Sequence> taken = std::move(*it);
  running_.erase(it);
  return taken;
}

std::unique_ptr<Sequence> Scheduler::finish(Sequence& sequence) {
  std::unique_ptr<Sequence> ended = take_running(sequence);
  if (!limits_.share_prefixes || !ended->share || ended->done == 0) {
    release(*ended);
    return ended;
  }
  if (ended->done > ended->size()) {  // it ended within guesses that were right
    ended->done = ended->size();
    kv_.truncate(ended->id, ended->done);
  }
  ledger_.truncate(ended->id, ended->done);
  std::vector<inference::TokenId> kept{ended->tokens.begin(), ended->tokens.begin() + ended->done};
  std::uint32_t uses = ended->uses;
  cached_.remove_if([&](const Cached& entry) {  // a shorter version of the same conversation
    const bool contained = entry.salt == ended->salt && entry.tokens.size() <= kept.size() &&
                           std::equal(entry.tokens.begin(), entry.tokens.end(), kept.begin());
    if (!contained) return false;
    uses = std::max(uses, entry.uses);
    ledger_.release(entry.id);
    kv_.remove(entry.id);
    free_ids_.push_back(entry.id);
    return true;
  });
  ledger_.set_cached(ended->id, true);
  cached_.push_back({.id = ended->id, .tokens = std::move(kept), .salt = ended->salt, .uses = uses});
  touch(cached_.back());
  ended->id = -1;
  return ended;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_if(const std::function<bool(Sequence&)>& predicate) {
  std::vector<std::unique_ptr<Sequence>> removed;
  waiting_.remove_if([&](std::unique_ptr<Sequence>& sequence) {
    if (!predicate(*sequence)) return false;
    removed.push_back(std::move(sequence));
    return true;
  });
  for (std::size_t i = 0; i < running_.size();) {
    if (predicate(*running_[i])) {
      release(*running_[i]);
      removed.push_back(take_running(*running_[i]));
    } else {
      ++i;
    }
  }
  return removed;
}

std::size_t Scheduler::victim(const Sequence* spared) const {
  std::size_t chosen = running_.size();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const Sequence& s = *running_[i];
    if (&s == spared || s.id < 0) continue;
    if (chosen == running_.size() || s.priority < running_[chosen]->priority ||
        (s.priority == running_[chosen]->priority && s.arrival > running_[chosen]->arrival)) {
      chosen = i;
    }
  }
  return chosen;
}

void Scheduler::preempt(std::size_t index) {
  Sequence& given_up = *running_[index];
  if (limits_.share_prefixes && given_up.share && given_up.done > 0) {
    kv_.save(given_up.id, {given_up.tokens.begin(), given_up.tokens.begin() + given_up.done}, given_up.salt);
  }
  release(given_up);
  ++preemptions_;
  std::unique_ptr<Sequence> sequence = take_running(*running_[index]);
  const std::string principal = sequence->principal;
  waiting_.push_front(principal, std::move(sequence));
}

bool Scheduler::preempt_one() {
  if (running_.size() < 2) return false;
  const std::size_t index = victim(nullptr);
  if (index == running_.size()) return false;
  preempt(index);
  return true;
}

void Scheduler::drop_cached(bool save) {
  while (!cached_.empty()) evict_one(save);
}

}  // namespace hearth::engine
