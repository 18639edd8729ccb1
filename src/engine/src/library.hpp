// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hearth::engine {

/// The last error line that libllama logged on this thread since the last call; its C API returns only null pointers.
std::string take_library_error();

/// Physical cores this process may run on (affinity and cgroup quota), at least 1.
int usable_cores();

}  // namespace hearth::engine
