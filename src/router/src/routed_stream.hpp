// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "hearth/router/router.hpp"
#include "run.hpp"
#include "settlement.hpp"

namespace hearth::router {

/// An answer as its client gets it: where it came from, what is degraded, and the settlement at its end, exactly once,
/// also when the client goes away before.
class RoutedStream final : public provider::EventStream {
 public:
  /// `choices`: how many answers the stream has.
  RoutedStream(StatePtr state, Answer answer, std::int32_t choices, Settlement settlement);
  ~RoutedStream() override;

  Task<std::optional<inference::Event>> async_next() override;
  std::vector<std::string> degraded() const override { return answer_.degraded; }
  std::optional<provider::Placement> placement() const override;

 private:
  void note(inference::Event& event);

  StatePtr state_;
  Settlement settlement_;  // ends after the answer, whose attempt may have a last item for the bill
  Answer answer_;
  std::int32_t unfinished_;  // choices
};

}  // namespace hearth::router
