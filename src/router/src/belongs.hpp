// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/policy/policy.hpp"

namespace hearth::router {

/// What budgets may ask of a subject beside its name, as a column of the ledger: "team:ward role:nurse", and behind a
/// "|" the name of whom an agent acts for, with the same of it. Names have no spaces.
std::string belongs_of(const policy::Subject& subject);
policy::Subject subject_of(std::string_view principal, std::string_view belongs);

}  // namespace hearth::router
