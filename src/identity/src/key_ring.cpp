// SPDX-License-Identifier: Apache-2.0
#include "key_ring.hpp"

#include <algorithm>

namespace hearth::identity {

KeyRing::KeyRing(std::vector<KeyRecord> records, Secret pepper, const KeyRing* old) : pepper_{std::move(pepper)} {
  entries_.reserve(records.size());  // the maps look into them
  for (KeyRecord& record : records) {
    const auto hash = from_hex(record.hash);
    if (!hash) continue;
    auto principal = std::make_shared<const Principal>(std::move(record.principal));
    entries_.push_back({std::move(record), *hash, std::move(principal), nullptr});
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    by_id_[entry.record.id] = i;
    auto& same_name = by_name_[entry.principal->name];
    // Many keys of one principal share what it may use: the limits of the youngest.
    same_name.push_back(i);
  }
  for (const auto& [name, places] : by_name_) {
    const Principal& youngest = *entries_[places.back()].principal;
    std::shared_ptr<Meters> meters;
    if (old != nullptr) {
      const auto before = old->by_name_.find(name);
      if (before != old->by_name_.end()) {
        const Entry& entry = old->entries_[before->second.back()];
        const bool stay = entry.principal->requests_per_minute == youngest.requests_per_minute &&
                          entry.principal->tokens_per_minute == youngest.tokens_per_minute;
        if (stay) meters = entry.meters;
      }
    }
    if (!meters) meters = std::make_shared<Meters>(youngest.requests_per_minute, youngest.tokens_per_minute);
    for (const std::size_t place : places) entries_[place].meters = meters;
  }
}

const KeyRing::Entry* KeyRing::live_entry_of(const std::string& name, WallClock::time_point now) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  for (auto place = found->second.rbegin(); place != found->second.rend(); ++place) {
    if (entries_[*place].record.is_live(now)) return &entries_[*place];
  }
  return nullptr;
}

std::optional<Caller> KeyRing::find(std::string_view key, WallClock::time_point now) const {
  const auto id = id_of(key);
  if (!id) return std::nullopt;
  const auto found = by_id_.find(*id);
  // A hash for nothing where there is no such key: it takes as long as a wrong one.
  const bool right = same(hash_of(pepper_, key), found == by_id_.end() ? KeyHash{} : entries_[found->second].hash);
  if (found == by_id_.end() || !right) return std::nullopt;
  const Entry& entry = entries_[found->second];
  if (!entry.record.is_live(now)) return std::nullopt;
  return caller_of(entry, now);
}

std::optional<Caller> KeyRing::find_named(const std::string& name, WallClock::time_point now) const {
  const Entry* entry = live_entry_of(name, now);
  return entry == nullptr ? std::nullopt : caller_of(*entry, now);
}

std::optional<Caller> KeyRing::caller_of(const Entry& entry, WallClock::time_point now) const {
  Caller caller{.principal = entry.principal, .behalf = nullptr, .meters = entry.meters, .behalf_meters = nullptr};
  if (!entry.principal->on_behalf_of.empty()) {
    const Entry* behalf = live_entry_of(entry.principal->on_behalf_of, now);
    // Rights are those of two, not of a chain: an agent acts for a user or a service.
    if (behalf == nullptr || behalf->principal->kind == Kind::agent) return std::nullopt;
    caller.behalf = behalf->principal;
    caller.behalf_meters = behalf->meters;
  }
  return caller;
}

bool KeyRing::has_live_key(WallClock::time_point now) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.record.is_live(now); });
}

}  // namespace hearth::identity
