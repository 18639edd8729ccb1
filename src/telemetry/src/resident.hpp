// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::telemetry {

/// Resident bytes of a process from the text of its /proc/PID/statm (proc(5): pages, the second field is "resident");
/// 0 if it is not such a text. Pure.
std::uint64_t parse_resident(std::string_view statm, std::uint64_t page_bytes) noexcept;

/// Of this process, now. Any thread; microseconds.
std::uint64_t read_resident();

}  // namespace hearth::telemetry
