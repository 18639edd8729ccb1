// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "attempt.hpp"
#include "hearth/base/clock.hpp"

namespace hearth::router {

/// A request as a text that is the same for the same request and no other: everything that could change the answer, and
/// for whom it is. Pure.
std::string cache_key(const Ask& ask, std::string_view route, std::string_view salt, std::string_view principal);

struct CachedAnswer {
  std::string key;
  std::string target;  // that gave it
  Clock::time_point until;
  std::vector<inference::Event> events;
};

/// Whole answers by exact request. A slot is replaced whole: two requests that fall into one slot take turns. Bounded
/// by kSlots answers of kBytesMax each. Any thread, no lock.
class AnswerCache {
 public:
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::size_t kBytesMax = 64 * 1024;  // of key and events

  AnswerCache() : slots_(kSlots) {}
  std::shared_ptr<const CachedAnswer> find(const std::string& key, Clock::time_point now) const;
  void put(CachedAnswer answer);
  void clear();

 private:
  std::vector<std::atomic<std::shared_ptr<const CachedAnswer>>> slots_;
};

/// Bytes that keeping an event takes, roughly.
std::size_t bytes_of(const inference::Event& event);

}  // namespace hearth::router
