// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine {

/// What lies between the tokens and the client: lets text out only when it can no longer become part of a stop string
/// and only at character borders. Bytes that are no UTF-8 at all come out as U+FFFD. Pure; one a sequence.
class TextGate {
 public:
  explicit TextGate(std::vector<std::string> stops) : stops_{std::move(stops)} {}

  struct Step {
    std::string text;                 // may go out now
    std::optional<std::string> stop;  // this stop string was met: text before it is in `text`, the rest is dropped
  };
  /// Adds the bytes of one token.
  Step feed(std::string_view bytes);
  /// The model is done: what was held back may go.
  std::string flush();
  bool holds_text() const noexcept { return !held_.empty(); }

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace hearth::engine
