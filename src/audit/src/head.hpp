// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::audit {

/// Where the chain ends: the last record that was signed.
struct Head {
  std::uint64_t seq = 0;
  std::string hash;
  std::int64_t at_ms = 0;
};

/// Signs heads with the home's Ed25519 key (RFC 8032), which it makes on first use: `audit.key`, readable by its owner
/// only, and `audit.pub`, for those who only verify. One thread.
class Signer {
 public:
  static Result<std::unique_ptr<Signer>> open(const std::filesystem::path& home);
  virtual ~Signer() = default;
  /// Replaces head.json, whole or not at all. Blocks on files.
  virtual Result<> write(const Head& head) = 0;
};

/// The signed head of a home; nullopt: there is none yet. corrupt_data: the signature is none by `audit.pub`.
Result<std::optional<Head>> read_head(const std::filesystem::path& home);

}  // namespace hearth::audit
