// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include "hearth/app/routing_config.hpp"

namespace hearth::app {

/// Adds `providers`, `routes` and `policy` to the mapping that `out` is in. Keys are printed as the references they
/// were read from.
void print_routing(YAML::Emitter& out, const Routing& routing);

}  // namespace hearth::app
