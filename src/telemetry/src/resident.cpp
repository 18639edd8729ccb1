// SPDX-License-Identifier: Apache-2.0
#include "resident.hpp"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>

namespace hearth::telemetry {

std::uint64_t parse_resident(std::string_view statm, std::uint64_t page_bytes) noexcept {
  const std::size_t space = statm.find(' ');
  if (space == std::string_view::npos) return 0;
  const std::string_view second = statm.substr(space + 1);
  std::uint64_t pages = 0;
  const auto [end, error] = std::from_chars(second.data(), second.data() + second.size(), pages);
  return error == std::errc{} ? pages * page_bytes : 0;
}

std::uint64_t read_resident() {
  std::ifstream file{"/proc/self/statm"};
  std::string line;
  std::getline(file, line);
  return parse_resident(line, static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace hearth::telemetry
