// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "client_stream.hpp"
#include "hearth/base/clock.hpp"

namespace hearth::net {

/// Idle connections by origin, newest used first. Bounds: `max_per_origin`, kMaxIdle in all (the oldest is closed),
/// kMaxAge. One thread.
class ClientPool {
 public:
  static constexpr std::size_t kMaxIdle = 64;
  static constexpr std::chrono::seconds kMaxAge{60};

  explicit ClientPool(std::size_t max_per_origin) : max_per_origin_{max_per_origin} {}

  /// A connection that is still good, or null.
  std::unique_ptr<ClientStream> take(const std::string& origin, Clock::time_point now);
  void put(std::string origin, std::unique_ptr<ClientStream> stream, Clock::time_point now);
  std::size_t size() const noexcept { return idle_.size(); }

 private:
  struct Idle {
    std::string origin;
    std::unique_ptr<ClientStream> stream;
    Clock::time_point since;
  };
  std::size_t max_per_origin_;
  std::deque<Idle> idle_;  // oldest first
};

}  // namespace hearth::net
