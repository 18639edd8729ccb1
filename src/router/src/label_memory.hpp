// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/inference/request.hpp"
#include "hearth/policy/policy.hpp"

namespace hearth::router {

/// The labels that conversations were given, so that a follow-up cannot wash one off by saying a lower one: what was
/// said of a message holds for every later request that has the message in its history. Bounded: kMost messages, of
/// which the least sensitive give way first. A clash of two keys can only raise a label. Any thread.
class LabelMemory {
 public:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kMost = std::size_t{1} << 16;

  /// public_ for what nobody has labelled.
  policy::Label highest(std::span<const std::uint64_t> keys) const;
  void put(std::span<const std::uint64_t> keys, policy::Label label);
  /// Nothing is known yet: keys need not be made.
  bool empty() const { return empty_.load(std::memory_order_relaxed); }

 private:
  using Set = std::array<std::atomic<std::uint64_t>, kWays>;
  std::vector<Set> sets_ = std::vector<Set>(kMost / kWays);
  std::atomic<bool> empty_{true};
};

/// One key a message of the user or of a tool, and one for the session if it has a name. Long messages are known by
/// themselves, short ones ("yes") by all that came before them too. Of `principal` alone. `history`: without the
/// message that a request ends with, which is new: saying the same again is another conversation.
enum class Keys : std::uint8_t { all, history };
std::vector<std::uint64_t> message_keys(std::string_view principal, std::string_view session,
                                        const inference::ChatRequest& request, Keys which);

}  // namespace hearth::router
