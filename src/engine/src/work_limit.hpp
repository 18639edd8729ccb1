// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "hearth/base/result.hpp"

namespace hearth::engine {

/// Bounds the time of one conversion: how far the parts of a constraint multiply out is not seen by their sizes, and
/// nothing stops a conversion from outside. It counts what is done on this thread while the first one of them lives.
class WorkLimit {
 public:
  static constexpr std::uint64_t kUnits = 8'000'000;  // about a second

  WorkLimit();
  ~WorkLimit();
  WorkLimit(const WorkLimit&) = delete;
  WorkLimit& operator=(const WorkLimit&) = delete;

  /// `unsupported` when nothing is left; without a limit there is no end.
  static Result<> spend(std::uint64_t units);

 private:
  bool first_;
};

}  // namespace hearth::engine
