// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::models {

/// Incremental SHA-256 (FIPS 180-4). One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  /// 64 lower-case hex digits; call once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

/// Bytes handled so far; called from the thread that does the work.
using OnBytes = std::function<void(std::uint64_t)>;
/// Blocks on the file.
Result<std::string> sha256_file(const std::filesystem::path& path, const OnBytes& on_bytes = {});

}  // namespace hearth::models
