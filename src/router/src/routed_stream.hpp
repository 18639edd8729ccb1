// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "answer_cache.hpp"
#include "hearth/router/router.hpp"
#include "run.hpp"
#include "settlement.hpp"
#include "shadow.hpp"

namespace hearth::router {

/// What is done with an answer once it has come whole.
struct Afterwards {
  AnswerCache* cache = nullptr;  // null: not kept
  std::string cache_key;
  Clock::duration ttl{};
  std::optional<ShadowCheck> shadow;  // without the answer's text
  std::function<void(ShadowCheck)> start_shadow;
};

/// An answer as its client gets it: where it came from, what is degraded, and the settlement at its end, exactly once,
/// also when the client goes away before.
class RoutedStream final : public provider::EventStream {
 public:
  /// `choices`: how many answers the stream has.
  RoutedStream(StatePtr state, Answer answer, std::int32_t choices, Settlement settlement, Afterwards afterwards);
  ~RoutedStream() override;

  Task<std::optional<inference::Event>> async_next() override;
  std::optional<inference::Event> next_at_hand() override;
  std::vector<std::string> degraded() const override { return answer_.degraded; }
  std::optional<provider::Placement> placement() const override;

 private:
  /// What is done with every event before it is given out.
  void pass(inference::Event& event);
  void note(inference::Event& event);
  void keep(const inference::Event& event);
  void act_afterwards();

  StatePtr state_;
  Afterwards afterwards_;
  std::vector<inference::Event> kept_;  // for the cache
  std::size_t kept_bytes_ = 0;
  Settlement settlement_;  // ends after the answer, whose attempt may have a last item for the bill
  Answer answer_;
  std::size_t given_ = 0;    // of answer_.held
  std::int32_t unfinished_;  // choices
};

}  // namespace hearth::router
