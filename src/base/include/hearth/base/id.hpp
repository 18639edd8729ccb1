// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

/// `prefix` followed by 24 random lowercase base-32 characters (120 bits): "chatcmpl-", "resp_", "msg_". Any thread.
std::string random_id(std::string_view prefix);

/// A random 64-bit value, not for secrets. Any thread.
std::uint64_t random_u64();

}  // namespace hearth
