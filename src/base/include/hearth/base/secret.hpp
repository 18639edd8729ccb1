// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace hearth {

/// A key or a token. Has no formatter and no stream operator on purpose; reveal() is greppable.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_{std::move(value)} {}
  bool empty() const noexcept { return value_.empty(); }
  const std::string& reveal() const noexcept { return value_; }
  /// Not in constant time: for configurations, never for what a client sent.
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

}  // namespace hearth
