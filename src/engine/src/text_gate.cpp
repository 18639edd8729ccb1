// SPDX-License-Identifier: Apache-2.0
#include "text_gate.hpp"

#include <algorithm>

#include "hearth/base/text.hpp"

namespace hearth::engine {
namespace {

/// Length of the longest suffix of `text` that is a proper prefix of `stop`.
std::size_t partial_match(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.ends_with(stop.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

TextGate::Step TextGate::feed(std::string_view bytes) {
  held_ += bytes;
  std::size_t first = std::string::npos;
  const std::string* met = nullptr;
  for (const std::string& stop : stops_) {
    if (const std::size_t at = held_.find(stop); at < first) {
      first = at;
      met = &stop;
    }
  }
  Step step;
  if (met != nullptr) {
    step.text = text::to_valid_utf8(std::string_view{held_}.substr(0, first));
    step.stop = *met;
    held_.clear();
    return step;
  }
  std::size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, partial_match(held_, stop));
  const std::size_t out = text::complete_utf8_prefix(std::string_view{held_}.substr(0, held_.size() - keep));
  step.text = text::to_valid_utf8(std::string_view{held_}.substr(0, out));
  held_.erase(0, out);
  return step;
}

std::string TextGate::flush() {
  std::string rest = text::to_valid_utf8(held_);
  held_.clear();
  return rest;
}

}  // namespace hearth::engine
