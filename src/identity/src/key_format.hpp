// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/base/secret.hpp"

/// "hth-<16 characters>-<40 characters>", both of random lower-case base 32: 80 bits to find the key by and 200 that
/// prove it. The prefix lets scanners of leaked secrets know what they have found.
namespace hearth::identity {

inline constexpr std::size_t kIdSize = 16;
inline constexpr std::size_t kSecretSize = 40;

using KeyHash = std::array<std::uint8_t, 32>;

/// internal: the system gives no randomness.
Result<std::string> random_base32(std::size_t characters);
std::string key_of(std::string_view id, std::string_view secret);
/// The id inside a well-formed key.
std::optional<std::string_view> id_of(std::string_view key);

/// HMAC-SHA-256 (RFC 2104).
KeyHash hash_of(const Secret& pepper, std::string_view key);
/// Takes as long whether the first or the last byte differs.
bool same(const KeyHash& a, const KeyHash& b);
std::string to_hex(const KeyHash& hash);
std::optional<KeyHash> from_hex(std::string_view text);

/// What the home's hashes are keyed with; made on first use, readable by its owner only. Blocks on files.
Result<Secret> pepper_of(const std::filesystem::path& home, bool may_make);

}  // namespace hearth::identity
