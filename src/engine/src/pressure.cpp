// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/pressure.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace hearth::engine {
namespace {

/// The number after `key` in "key   123 kB" or "key=1.23 …" texts.
template <class T>
std::optional<T> number_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

MemorySample parse_memory(std::string_view meminfo, std::string_view psi, std::string_view cgroup_max,
                          std::string_view cgroup_current, std::string_view cgroup_stat) {
  MemorySample sample;
  sample.total = number_after<std::uint64_t>(meminfo, "MemTotal:").value_or(0) * 1024;
  sample.available = number_after<std::uint64_t>(meminfo, "MemAvailable:").value_or(0) * 1024;
  sample.stalled = number_after<double>(psi, "some avg10=").value_or(0);
  const auto limit = number_after<std::uint64_t>(cgroup_max, "");  // "max" is no number: no limit
  const auto current = number_after<std::uint64_t>(cgroup_current, "");
  if (limit && current && *limit < sample.total) {
    // Clean file pages count against the limit but are given back at once; mapped weights are such pages.
    const auto reclaimable = number_after<std::uint64_t>(cgroup_stat, "inactive_file").value_or(0) +
                             number_after<std::uint64_t>(cgroup_stat, "\nactive_file").value_or(0);
    const std::uint64_t used = *current - std::min(*current, reclaimable);
    sample.total = *limit;
    sample.available = std::min(sample.available, *limit - std::min(*limit, used));
  }
  return sample;
}

MemorySample read_memory(const std::filesystem::path& root) {
  const auto cgroup = root / "sys/fs/cgroup";
  return parse_memory(slurp(root / "proc/meminfo"), slurp(root / "proc/pressure/memory"), slurp(cgroup / "memory.max"),
                      slurp(cgroup / "memory.current"), slurp(cgroup / "memory.stat"));
}

Pressure classify(const MemorySample& sample, Pressure before) {
  if (sample.total == 0) return Pressure::none;
  const double free = static_cast<double>(sample.available) / static_cast<double>(sample.total);
  const auto level = [&](double slack, double calm) {
    if (free < 0.03 + slack || sample.stalled > 40 * calm) return Pressure::critical;
    if (free < 0.06 + slack || sample.stalled > 20 * calm) return Pressure::high;
    if (free < 0.10 + slack || sample.stalled > 10 * calm) return Pressure::low;
    return Pressure::none;
  };
  const Pressure now = level(0, 1);
  return now >= before ? now : std::min(before, level(0.02, 0.5));
}

}  // namespace hearth::engine
