// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hearth/inference/request.hpp"

namespace hearth::engine {

/// Where computed prefixes go that lose their KV cells: copies of their state in memory, and of those that memory has
/// no room for in files, where a folder is given. The longest unused goes first. Files outlive the process; they fit
/// only a model, adapters and cache types of the same `key`, and are checked before they are believed.
/// One thread, the model's; files are read and written by `background`.
class PrefixShelf {
 public:
  using Tokens = std::vector<inference::TokenId>;
  using Bytes = std::vector<std::uint8_t>;
  using Background = std::function<void(std::function<void()>)>;  // runs a job on a thread that may block
  using Key = std::uint64_t;

  struct Options {
    std::uint64_t memory = 0;      // bytes; 0: nothing is kept
    std::uint64_t disk = 0;        // bytes; 0: no files
    std::filesystem::path folder;  // of this model alone; made when it is needed, readable by its owner only
    std::string key;
  };
  struct Found {
    Key key = 0;              // 0: nothing
    std::int32_t length = 0;  // tokens that the prefix has in common
    std::int32_t size = 0;    // tokens of the whole state
    bool ready = false;       // state() can tell
  };

  /// Looks through the folder. `on_read` is told, on a thread of `background`, that something was read.
  PrefixShelf(Options options, Background background, std::function<void()> on_read);

  /// Keeps the state of `tokens`. What is on the shelf already is only touched.
  void put(Tokens tokens, const std::string& salt, Bytes state);
  bool keeps_files() const noexcept { return options_.disk > 0; }
  bool takes(std::size_t bytes) const noexcept { return bytes <= options_.memory; }
  bool has(const Tokens& tokens, const std::string& salt) const;
  /// What has most in common with the first `limit` tokens.
  Found find(const Tokens& tokens, std::int32_t limit, const std::string& salt) const;
  /// Begins to read a prefix that is in a file only.
  void fetch(Key key);
  /// Fetched, and not here yet.
  bool fetching(Key key) const;
  /// The state, and it counts as used now; null when it is not in memory.
  std::shared_ptr<const Bytes> state(Key key);
  void forget(Key key);
  /// Takes over what was read meanwhile, wanted still or not.
  void collect_read();
  /// Memory pressure: what is in files stays there.
  void drop_memory();
  /// Writes what is in memory only into files, as far as they may hold it, and waits for nothing.
  void save_all();

  std::uint64_t memory_used() const noexcept { return memory_used_; }
  std::uint64_t disk_used() const noexcept { return disk_used_; }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  class Jobs;       // in their order, one at a time: a file is written before it is read or removed
  struct Reading {  // shared with the thread that reads
    std::mutex mutex;
    bool done = false;
    std::shared_ptr<const Bytes> state;  // null: unreadable
  };
  struct Entry {
    Key key = 0;
    Tokens tokens;
    std::string salt;
    std::uint64_t bytes = 0;
    std::shared_ptr<const Bytes> state;  // null: in the file only
    std::filesystem::path file;          // empty: in memory only
    std::shared_ptr<Reading> reading;
  };
  using Place = std::list<Entry>::iterator;

  Place place_of(Key key);
  static bool is_ready(const Entry& entry);
  void collect(Entry& entry);
  void load_index();
  void make_room();
  void write_out(Entry& entry);
  void leave_memory(Entry& entry);
  void erase(Place entry);

  Options options_;
  std::shared_ptr<Jobs> jobs_;
  std::function<void()> on_read_;
  std::list<Entry> entries_;  // the latest used first
  Key next_key_ = 1;
  std::uint64_t memory_used_ = 0;
  std::uint64_t disk_used_ = 0;
};

}  // namespace hearth::engine
