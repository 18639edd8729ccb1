// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "hearth/inference/request.hpp"

namespace hearth::api {

/// Whatever a client left out of ids and names, so that each tool result says which call it answers. Calls without an
/// id get "call_N"; a result without one answers the oldest call of its name that has no result, or the last one of
/// that name, and without a name the oldest of all. A result without a name gets its call's. A result that fits no call
/// stays as it is.
void pair_tool_results(std::vector<inference::Message>& messages);

}  // namespace hearth::api
