// SPDX-License-Identifier: Apache-2.0
#include "hearth/inference/label.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace hearth::inference {
namespace {

constexpr std::array<std::string_view, 4> kLabels{"public", "internal", "confidential", "restricted"};

}  // namespace

std::string_view name_of(Label label) { return kLabels.at(static_cast<std::size_t>(label)); }

Result<Label> parse_label(std::string_view name) {
  const auto found = std::ranges::find(kLabels, name);
  if (found != kLabels.end()) return static_cast<Label>(found - kLabels.begin());
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" is no label; one of: {}", name.substr(0, 64), fmt::join(kLabels, ", ")));
}

}  // namespace hearth::inference
