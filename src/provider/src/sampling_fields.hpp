// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "hearth/inference/sampling.hpp"

namespace hearth::provider {

/// The first field that a request sets to something that matters and `carried` does not name: what a protocol that
/// knows only those must refuse. Names are llama-server's; "samplers of llama.cpp" stands for those only it has.
std::optional<std::string_view> uncarried(const inference::Sampling& sampling,
                                          std::span<const std::string_view> carried);

}  // namespace hearth::provider
