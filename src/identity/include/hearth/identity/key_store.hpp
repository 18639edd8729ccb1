// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/secret.hpp"
#include "hearth/identity/principal.hpp"

namespace hearth::store {
class Database;
}

namespace hearth::identity {

/// A key as it is kept: never the key itself.
struct KeyRecord {
  std::string id;    // the public part: "hth-<id>-<secret>"
  std::string hash;  // HMAC-SHA-256 of the whole key under the home's secret, hexadecimal
  Principal principal;
  WallClock::time_point created;
  std::optional<WallClock::time_point> expires;
  std::optional<WallClock::time_point> revoked;

  bool is_live(WallClock::time_point now) const { return !revoked && (!expires || now < *expires); }
};

struct NewKey {
  std::string id;
  Secret key;  // shown once
};

/// The keys of one home, for who makes them: `keys.db`, and `keys.secret` with what their hashes are keyed with. Both
/// are readable by their owner only. Blocks on files. A running server sees changes within two seconds.
class KeyStore {
 public:
  /// conflict: another process is changing the keys just now.
  static Result<KeyStore> open(const std::filesystem::path& home);
  ~KeyStore();
  KeyStore(KeyStore&&) noexcept;
  KeyStore& operator=(KeyStore&&) noexcept;

  Result<NewKey> create(const Principal& principal, std::optional<WallClock::time_point> expires,
                        WallClock::time_point now);
  /// From now on the key is wrong. not_found.
  Result<> revoke(const std::string& id, WallClock::time_point now);
  /// A new key with the same rights; the old one works for `overlap` yet. not_found.
  Result<NewKey> rotate(const std::string& id, std::chrono::seconds overlap, WallClock::time_point now);

 private:
  KeyStore(std::filesystem::path home, std::unique_ptr<store::Database> database);
  Result<> flush() const;

  std::filesystem::path home_;
  std::unique_ptr<store::Database> database_;
};

/// All keys of a home, oldest first; none without a file. Blocks on files; needs no lock.
Result<std::vector<KeyRecord>> read_keys(const std::filesystem::path& home);

}  // namespace hearth::identity
