// SPDX-License-Identifier: Apache-2.0
#include "work_limit.hpp"

#include <limits>

namespace hearth::engine {
namespace {

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();
thread_local std::uint64_t left = kEndless;

}  // namespace

WorkLimit::WorkLimit() : first_{left == kEndless} {
  if (first_) left = kUnits;
}
WorkLimit::~WorkLimit() {
  if (first_) left = kEndless;
}

Result<> WorkLimit::spend(std::uint64_t units) {
  if (left == kEndless) return {};
  if (units > left) {
    left = 0;
    return fail(
        ErrorCode::unsupported,
        "the constraint takes too long to prepare; use fewer alternatives, smaller character classes or smaller "
        "counts");
  }
  left -= units;
  return {};
}

}  // namespace hearth::engine
