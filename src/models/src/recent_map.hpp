// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace hearth::models {

/// Values that are cheaper to keep than to read from disk again. Bounded: the least recently used goes. Any thread.
template <class Value>
class RecentMap {
 public:
  explicit RecentMap(std::size_t capacity) : capacity_{capacity} {}

  std::optional<Value> find(const std::string& key) {
    const std::lock_guard lock{mutex_};
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }

  void insert(const std::string& key, Value value) {
    const std::lock_guard lock{mutex_};
    if (index_.contains(key)) return;
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
    if (entries_.size() <= capacity_) return;
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;
  std::mutex mutex_;
  std::size_t capacity_;
  Entries entries_;  // most recently used first
  std::map<std::string, typename Entries::iterator> index_;
};

}  // namespace hearth::models
