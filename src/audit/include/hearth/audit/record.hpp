// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace hearth::audit {

/// One decision about where content may go. Never content. Empty fields are left out.
struct Record {
  enum class Kind : std::uint8_t {
    egress,   // about to leave the machine
    local,    // answered by this machine's engine
    refused,  // policy permits it at no target
  };
  Kind kind = Kind::egress;
  std::int64_t at_ms = 0;  // since the epoch
  std::string request;     // its id
  std::string permit;      // the permit's id
  std::string principal;
  std::string behalf;  // who stands behind an agent
  std::string label;   // of the content
  std::string route;
  std::string target;
  std::string zone;
  std::string region;
  std::string rule;                // that allowed or denied it
  std::int64_t prompt_tokens = 0;  // estimated
  std::int64_t hidden = 0;         // values that placeholders stood for
};

}  // namespace hearth::audit
