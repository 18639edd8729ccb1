// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hearth::net {

/// Why the server refuses what it received. The connection closes after the answer: its framing is not trusted.
struct Fault {
  int status = 400;
  std::string message;  // what was wrong; never a value that was received
};

}  // namespace hearth::net
