// SPDX-License-Identifier: Apache-2.0
#include "journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>

namespace hearth::router {
namespace {

enum State : std::uint32_t { kFree = 0, kOpen = 0x4F50454E, kEnded = 0x454E4445 };

template <std::size_t kSize>
void put(std::array<char, kSize>& to, std::string_view text) {
  to.fill(0);
  text.copy(to.data(), kSize - 1);
}
template <std::size_t kSize>
std::string take(const std::array<char, kSize>& from) {
  return {from.data(), ::strnlen(from.data(), kSize)};
}

/// As it lies in the file. `state` is written last: a slot that was not finished does not count.
struct Slot {
  std::atomic<std::uint32_t> state;
  std::int64_t number;
  std::int64_t at_ms;
  std::int64_t prompt_tokens;
  std::int64_t completion_tokens;
  std::int64_t cost_nano;
  std::int64_t saved_nano;
  std::int64_t duration_us;
  std::array<char, 136> principal;  // names have at most 128
  std::array<char, 264> belongs;
  std::array<char, 72> route;
  std::array<char, 96> target;
  std::array<char, 56> decision;
  std::array<char, 32> error;
  std::array<char, 12> outcome;
  std::array<char, 12> zone;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
constexpr std::size_t kBytes = Journal::kSlots * sizeof(Slot);

class MappedJournal final : public Journal {
 public:
  explicit MappedJournal(void* memory) : slots_{static_cast<Slot*>(memory)} {
    // The lowest ones are taken first, so that few pages are ever touched.
    for (std::uint32_t i = kSlots; i-- > 0;) free_.push_back(i);
  }
  ~MappedJournal() override { ::munmap(slots_, kBytes); }
  MappedJournal(const MappedJournal&) = delete;
  MappedJournal& operator=(const MappedJournal&) = delete;

  std::vector<Entry> left() const override {
    std::vector<Entry> out;
    for (std::size_t i = 0; i < kSlots; ++i) {
      const Slot& slot = slots_[i];
      const std::uint32_t state = slot.state.load(std::memory_order_acquire);
      if (state != kOpen && state != kEnded) continue;
      Entry& entry = out.emplace_back(Entry{.number = slot.number,
                                            .at_ms = slot.at_ms,
                                            .principal = take(slot.principal),
                                            .belongs = take(slot.belongs),
                                            .route = take(slot.route),
                                            .ended = state == kEnded});
      if (!entry.ended) continue;
      entry.outcome = take(slot.outcome);
      entry.error = take(slot.error);
      entry.decision = take(slot.decision);
      entry.target = take(slot.target);
      entry.zone = take(slot.zone);
      entry.prompt_tokens = slot.prompt_tokens;
      entry.completion_tokens = slot.completion_tokens;
      entry.cost_nano = slot.cost_nano;
      entry.saved_nano = slot.saved_nano;
      entry.duration_us = slot.duration_us;
    }
    std::ranges::sort(out, {}, &Entry::number);
    return out;
  }

  void clear() override {
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (slots_[i].state.load(std::memory_order_relaxed) != kFree) slots_[i].state.store(kFree);
    }
    ::madvise(slots_, kBytes, MADV_DONTNEED);  // it was read from end to end; the file keeps what is in it
  }

  std::optional<std::uint32_t> begin(std::int64_t number, std::int64_t at_ms, std::string_view principal,
                                     std::string_view belongs, std::string_view route) override {
    if (free_.empty()) return std::nullopt;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    slot.number = number;
    slot.at_ms = at_ms;
    put(slot.principal, principal);
    put(slot.belongs, belongs);
    put(slot.route, route);
    slot.state.store(kOpen, std::memory_order_release);
    return index;
  }

  void end(std::uint32_t index, const Entry& entry) override {
    Slot& slot = slots_[index];
    put(slot.route, entry.route);
    put(slot.outcome, entry.outcome);
    put(slot.error, entry.error);
    put(slot.decision, entry.decision);
    put(slot.target, entry.target);
    put(slot.zone, entry.zone);
    slot.prompt_tokens = entry.prompt_tokens;
    slot.completion_tokens = entry.completion_tokens;
    slot.cost_nano = entry.cost_nano;
    slot.saved_nano = entry.saved_nano;
    slot.duration_us = entry.duration_us;
    slot.state.store(kEnded, std::memory_order_release);
  }

  void release(std::uint32_t index) override {
    slots_[index].state.store(kFree, std::memory_order_release);
    free_.push_back(index);
  }

 private:
  Slot* slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file) {
  const auto broken = [&](const char* what) {
    return fail(ErrorCode::internal, fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(errno)));
  };
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return broken("open");
  // Space that is only promised would be a bus error when the disk is full.
  const int taken = ::posix_fallocate(fd, 0, kBytes);
  void* memory = taken != 0 ? MAP_FAILED : ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (taken != 0) errno = taken;
  const int why = errno;
  ::close(fd);
  errno = why;
  if (memory == MAP_FAILED) return broken("keep");
  return std::make_unique<MappedJournal>(memory);
}

}  // namespace hearth::router
