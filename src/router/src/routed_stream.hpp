// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "hearth/router/router.hpp"
#include "run.hpp"

namespace hearth::router {

/// An answer as its client gets it: where it came from, what is degraded, and the settlement at its end, exactly once,
/// also when the client goes away before.
class RoutedStream final : public provider::EventStream {
 public:
  using Settle = std::function<void(Outcome outcome)>;
  /// `choices`: how many answers the stream has.
  RoutedStream(StatePtr state, Answer answer, std::int32_t choices, Outcome outcome, Settle settle);
  ~RoutedStream() override;

  Task<std::optional<inference::Event>> async_next() override;
  std::vector<std::string> degraded() const override { return answer_.degraded; }
  std::optional<provider::Placement> placement() const override;

 private:
  void note(const inference::Event& event);

  StatePtr state_;
  Answer answer_;
  Outcome outcome_;
  Settle settle_;
  std::int32_t unfinished_;  // choices
};

}  // namespace hearth::router
