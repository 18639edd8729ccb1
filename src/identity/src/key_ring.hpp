// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/identity/authenticator.hpp"
#include "hearth/identity/key_store.hpp"
#include "key_format.hpp"
#include "throttle.hpp"

namespace hearth::identity {

/// All keys at one moment, found by their ids. Immutable; any thread.
class KeyRing {
 public:
  /// `old`: whose meters go on for principals that stay. Records whose hash is none are left out.
  KeyRing(std::vector<KeyRecord> records, Secret pepper, const KeyRing* old);

  /// nullopt: malformed, unknown, wrong, revoked or expired; or an agent whose principal has no live key left.
  std::optional<Caller> find(std::string_view key, WallClock::time_point now) const;
  /// A principal by its name alone, which somebody else has proved; with the rights of its youngest live key.
  std::optional<Caller> find_named(const std::string& name, WallClock::time_point now) const;
  bool has_live_key(WallClock::time_point now) const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    KeyRecord record;
    KeyHash hash;
    PrincipalPtr principal;
    std::shared_ptr<Meters> meters;
  };
  std::optional<Caller> caller_of(const Entry& entry, WallClock::time_point now) const;
  /// The youngest live key of a principal.
  const Entry* live_entry_of(const std::string& name, WallClock::time_point now) const;

  Secret pepper_;
  std::vector<Entry> entries_;  // oldest first
  std::unordered_map<std::string_view, std::size_t> by_id_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name_;
};

}  // namespace hearth::identity
