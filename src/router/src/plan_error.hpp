// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan.hpp"

namespace hearth::router {

/// Why a plan has no target: by the last condition that any of them reached. Pure.
Error nobody(const Table& table, const Route& route, const Plan& plan, const Facts& facts, const Wishes& wishes);

}  // namespace hearth::router
