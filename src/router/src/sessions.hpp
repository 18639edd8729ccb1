// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace hearth::router {

/// Which target answered a conversation last. A hash table of fixed size without a lock; what collides forgets the
/// older one, which costs a cached prefix and nothing else. Any thread.
class Sessions {
 public:
  static constexpr std::size_t kSlots = 1 << 15;

  /// `key` 0 is no conversation. SIZE_MAX: unknown.
  std::size_t find(std::uint64_t key) const {
    if (key == 0) return SIZE_MAX;
    const std::uint64_t slot = slots_[key % kSlots].load(std::memory_order_relaxed);
    const std::uint64_t number = slot & kMask;  // from 1 on: a slot of zeros is empty
    return number > 0 && slot >> kTargetBits == key >> kTargetBits ? number - 1 : SIZE_MAX;
  }
  void put(std::uint64_t key, std::size_t target) {
    if (key == 0 || target >= kMask) return;
    slots_[key % kSlots].store((key >> kTargetBits << kTargetBits) | (target + 1), std::memory_order_relaxed);
  }

 private:
  static constexpr int kTargetBits = 16;
  static constexpr std::uint64_t kMask = (1ULL << kTargetBits) - 1;
  std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};

}  // namespace hearth::router
