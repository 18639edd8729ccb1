// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace hearth::cli {

Result<std::string> read_all(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return fail(ErrorCode::not_found, fmt::format("cannot read {}", path));
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

Result<> write_all(const std::string& path, std::string_view bytes) {
  std::ofstream file{path, std::ios::binary};
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return fail(ErrorCode::internal, fmt::format("cannot write {}", path));
  return {};
}

}  // namespace hearth::cli
