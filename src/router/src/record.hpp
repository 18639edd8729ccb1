// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "hearth/audit/record.hpp"
#include "plan.hpp"

namespace hearth::router {

/// What every record of a request says, whatever came of it.
inline audit::Record record_of(const Wishes& wishes, policy::Label label, const std::string& request,
                               std::int64_t prompt_tokens) {
  audit::Record record;
  record.request = request;
  record.principal = wishes.subject.principal;
  if (wishes.subject.behalf) record.behalf = wishes.subject.behalf->principal;
  record.label = policy::name_of(label);
  record.route = wishes.route;
  record.prompt_tokens = prompt_tokens;
  return record;
}

}  // namespace hearth::router
