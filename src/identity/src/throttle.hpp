// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "hearth/base/clock.hpp"

namespace hearth::identity {

/// The generic cell rate algorithm (ITU-T I.371): `per_minute` units a minute on average, a whole minute's worth at
/// once after a pause. One atomic word; any thread.
class Rate {
 public:
  explicit Rate(std::int64_t per_minute) : per_minute_{per_minute} {}

  /// Takes one unit, or says how long to wait until there is one.
  std::optional<std::chrono::nanoseconds> take(Clock::time_point now);
  /// How long until there is a unit; nullopt: there is one.
  std::optional<std::chrono::nanoseconds> wait(Clock::time_point now) const;
  /// Takes units that were used already, also more than there are.
  void charge(std::int64_t units, Clock::time_point now);

 private:
  std::int64_t cost(std::int64_t units) const;

  const std::int64_t per_minute_;             // 0: no limit
  std::atomic<std::int64_t> due_{INT64_MIN};  // ns; when all that was taken will have been earned
};

/// What one principal has used, whichever of its keys it came with. Outlives reloads of the keys while the limits stay.
class Meters {
 public:
  Meters(std::int64_t requests_per_minute, std::int64_t tokens_per_minute)
      : requests{requests_per_minute}, tokens{tokens_per_minute} {}
  Rate requests;
  Rate tokens;
};

/// Wrong keys of the last minute by address. A fixed table: two addresses that share a place share the count, which
/// harms only wrong keys. Any thread.
class WrongKeys {
 public:
  /// One more; true: there are more than `most` in this minute.
  bool note(std::string_view address, int most, Clock::time_point now);

 private:
  static constexpr std::size_t kPlaces = 4096;
  std::array<std::atomic<std::uint64_t>, kPlaces> places_{};  // minute in the upper half, count in the lower
};

}  // namespace hearth::identity
