// SPDX-License-Identifier: Apache-2.0
#include "starter.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>

#include "file_io.hpp"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
alignas(32) constexpr unsigned char kBytes[] = {
#embed "../../../models/starter.gguf"
};
#pragma clang diagnostic pop

std::string_view bytes() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }

constexpr std::string_view kPrefix = "starter-";
constexpr std::size_t kVersionDigits = 12;

/// Named by unpack_starter, of whatever version.
bool is_ours(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(".gguf")) return false;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(5);
  return name.size() == kVersionDigits && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void remove_others(const fs::path& folder, const fs::path& keep) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{folder, error}) {
    if (is_ours(entry.path().filename().string()) && entry.path() != keep) remove_quietly(entry.path());
  }
}

}  // namespace

Result<fs::path> unpack_starter(const fs::path& folder) {
  constexpr std::string_view version = std::string_view{HEARTH_EMBEDDED_SHA256}.substr(0, kVersionDigits);
  const fs::path file = folder / fmt::format("{}{}.gguf", kPrefix, version);
  std::error_code error;
  if (fs::file_size(file, error) == sizeof kBytes && !error) return file;
  static std::atomic<int> attempts = 0;  // threads that come at once write a copy each, and the last one's name stays
  const std::string temp = fmt::format(".{}{}.{}.{}", kPrefix, version, ::getpid(), attempts++);
  HEARTH_CHECKED(write_file(file, bytes(), folder / temp));
  remove_others(folder, file);
  return file;
}

}  // namespace hearth::models
