// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace hearth::engine {

/// How short memory is, from what the kernel says. Each level includes what the ones before it do.
enum class Pressure : std::uint8_t {
  none,
  low,       // drop cached prefixes
  high,      // unload idle models
  critical,  // refuse long prompts
};

struct MemorySample {
  std::uint64_t total = 0;      // bytes this process may use: the machine's, or the cgroup's limit if that is smaller
  std::uint64_t available = 0;  // of them, still to be had without swapping
  double stalled = 0;           // PSI "some avg10": per cent of the last 10 s in which some task waited for memory
};

/// Texts of /proc/meminfo, /proc/pressure/memory and the cgroup's memory.max, memory.current and memory.stat;
/// an empty text means the kernel has no such file. Pure.
MemorySample parse_memory(std::string_view meminfo, std::string_view psi, std::string_view cgroup_max,
                          std::string_view cgroup_current, std::string_view cgroup_stat);

/// Reads those files now. Any thread; microseconds.
MemorySample read_memory(const std::filesystem::path& root = "/");

/// Pure. Rises at once, falls only when the sample is clearly better (hysteresis), so that it does not flutter.
Pressure classify(const MemorySample& sample, Pressure before);

}  // namespace hearth::engine
