// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "hearth/inference/event.hpp"

namespace hearth::engine {

/// Told what happens inside one loaded model, on its model thread: must not block. The default hears nothing.
class Observer {
 public:
  using Seconds = std::chrono::duration<double>;
  enum class Outcome : std::uint8_t { completed, cancelled, failed, expired };

  virtual ~Observer() = default;
  virtual void queued(Seconds /*waited*/) {}
  virtual void first_token(Seconds /*since_submitted*/) {}
  virtual void next_token(Seconds /*since_last*/) {}
  virtual void ended(Outcome /*outcome*/, const inference::Usage& /*usage*/) {}
  virtual void step(std::int32_t /*tokens*/, Seconds /*took*/) {}
  virtual void preempted(std::uint64_t /*sequences*/) {}
};

}  // namespace hearth::engine
