// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/inference/request.hpp"

/// A kept prefix as a file: magic, version, sizes and checksums; tokens; salt; the state of libllama's cache. It has
/// its name only when it is whole. Everything here blocks.
namespace hearth::engine {

struct PrefixHead {
  std::vector<inference::TokenId> tokens;
  std::string salt;
  std::uint64_t state_bytes = 0;
};

/// Sum of a state, eight bytes at a time: against damage, not against malice.
std::uint64_t sum_of(std::span<const std::uint8_t> bytes) noexcept;

/// False, and nothing is left behind, when it cannot be written. `key`: of what can read the state.
bool write_prefix(const std::filesystem::path& file, const std::string& key, const PrefixHead& head,
                  std::span<const std::uint8_t> state);
/// Nothing for what is no such file, or of another key, or damaged.
std::optional<PrefixHead> read_prefix_head(const std::filesystem::path& file, const std::string& key);
std::optional<std::vector<std::uint8_t>> read_prefix_state(const std::filesystem::path& file, const std::string& key);

}  // namespace hearth::engine
