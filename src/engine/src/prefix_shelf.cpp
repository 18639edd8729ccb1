// SPDX-License-Identifier: Apache-2.0
#include "prefix_shelf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <system_error>
#include <utility>

#include "hearth/base/id.hpp"
#include "hearth/base/log.hpp"
#include "prefix_file.hpp"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEnding = ".prefix";

std::int32_t common(const PrefixShelf::Tokens& a, const PrefixShelf::Tokens& b, std::size_t limit) {
  const auto n = static_cast<std::ptrdiff_t>(std::min({a.size(), b.size(), limit}));
  return static_cast<std::int32_t>(std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin());
}

/// `a` is where `b` begins.
bool begins(const PrefixShelf::Tokens& a, const PrefixShelf::Tokens& b) {
  return a.size() <= b.size() && std::equal(a.begin(), a.end(), b.begin());
}

/// Removes what a crash left unfinished, and what nobody has asked for in a month, of any model: its key may be one
/// that does not come back.
void sweep(const fs::path& folder) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& file : fs::recursive_directory_iterator{folder.parent_path(), error}) {
    const auto age = now - file.last_write_time(error);
    const bool unfinished = file.path().extension() == ".part" && age > std::chrono::hours{1};
    if (unfinished || (file.path().extension() == kEnding && age > std::chrono::days{30})) fs::remove(file, error);
  }
}

}  // namespace

class PrefixShelf::Jobs : public std::enable_shared_from_this<Jobs> {
 public:
  explicit Jobs(Background background) : background_{std::move(background)} {}
  void add(std::function<void()> job) {
    {
      const std::scoped_lock lock{mutex_};
      waiting_.push_back(std::move(job));
      if (std::exchange(running_, true)) return;
    }
    background_([self = shared_from_this()] { self->run(); });
  }
  /// Bytes of states that wait to be written.
  std::atomic<std::uint64_t> unwritten = 0;

 private:
  void run() {
    while (true) {
      std::function<void()> job;
      {
        const std::scoped_lock lock{mutex_};
        if (waiting_.empty()) {
          running_ = false;
          return;
        }
        job = std::move(waiting_.front());
        waiting_.pop_front();
      }
      job();
    }
  }

  Background background_;
  std::mutex mutex_;  // guards what follows; order: alone (docs/LOCKS.md)
  std::deque<std::function<void()>> waiting_;
  bool running_ = false;
};

PrefixShelf::PrefixShelf(Options options, Background background, std::function<void()> on_read)
    : options_{std::move(options)}, jobs_{std::make_shared<Jobs>(std::move(background))}, on_read_{std::move(on_read)} {
  if (options_.disk == 0) return;
  sweep(options_.folder);
  load_index();
}

void PrefixShelf::load_index() {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& file : fs::directory_iterator{options_.folder, error}) {
    if (file.path().extension() == kEnding) files.emplace_back(file.last_write_time(error), file.path());
  }
  std::ranges::sort(files);  // the latest goes to the front
  for (auto& [time, file] : files) {
    auto head = read_prefix_head(file, options_.key);
    if (!head) {
      log::warn("a kept prefix is of another model, or damaged: removed", {{"file", file.string()}});
      fs::remove(file, error);
      continue;
    }
    disk_used_ += head->state_bytes;
    entries_.push_front({.key = next_key_++,
                         .tokens = std::move(head->tokens),
                         .salt = std::move(head->salt),
                         .bytes = head->state_bytes,
                         .state = nullptr,
                         .file = std::move(file),
                         .reading = nullptr});
  }
  make_room();
}

PrefixShelf::Place PrefixShelf::place_of(Key key) { return std::ranges::find(entries_, key, &Entry::key); }

bool PrefixShelf::has(const Tokens& tokens, const std::string& salt) const {
  return std::ranges::any_of(entries_, [&](const Entry& e) { return e.salt == salt && begins(tokens, e.tokens); });
}

void PrefixShelf::put(Tokens tokens, const std::string& salt, Bytes state) {
  if (!takes(state.size())) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto here = it++;
    if (here->salt != salt) continue;
    if (begins(tokens, here->tokens)) return entries_.splice(entries_.begin(), entries_, here);
    if (begins(here->tokens, tokens)) erase(here);  // a shorter version of the same conversation
  }
  const std::uint64_t bytes = state.size();
  memory_used_ += bytes;
  entries_.push_front({.key = next_key_++,
                       .tokens = std::move(tokens),
                       .salt = salt,
                       .bytes = bytes,
                       .state = std::make_shared<const Bytes>(std::move(state)),
                       .file = {},
                       .reading = nullptr});
  make_room();
}

PrefixShelf::Found PrefixShelf::find(const Tokens& tokens, std::int32_t limit, const std::string& salt) const {
  Found best;
  for (const Entry& entry : entries_) {
    if (entry.salt != salt || entry.tokens.empty() || tokens.empty() || entry.tokens.front() != tokens.front())
      continue;
    const std::int32_t length = common(entry.tokens, tokens, static_cast<std::size_t>(std::max(limit, 0)));
    if (length <= best.length) continue;
    best = {.key = entry.key,
            .length = length,
            .size = static_cast<std::int32_t>(entry.tokens.size()),
            .ready = is_ready(entry)};
  }
  return best;
}

void PrefixShelf::fetch(Key key) {
  const auto entry = place_of(key);
  if (entry == entries_.end() || entry->state || entry->reading) return;
  entry->reading = std::make_shared<Reading>();
  jobs_->add([reading = entry->reading, file = entry->file, model = options_.key, on_read = on_read_] {
    auto state = read_prefix_state(file, model);
    std::error_code ignored;
    if (state) fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);  // used, see sweep()
    {
      const std::scoped_lock lock{reading->mutex};
      if (state) reading->state = std::make_shared<const Bytes>(*std::move(state));
      reading->done = true;
    }
    on_read();
  });
}

bool PrefixShelf::is_ready(const Entry& entry) {
  if (!entry.reading) return entry.state != nullptr;
  const std::scoped_lock lock{entry.reading->mutex};
  return entry.reading->done;
}

bool PrefixShelf::fetching(Key key) const {
  const auto entry = std::ranges::find(entries_, key, &Entry::key);
  return entry != entries_.end() && entry->reading && !is_ready(*entry);
}

/// Takes over what was read.
void PrefixShelf::collect(Entry& entry) {
  const auto reading = std::exchange(entry.reading, nullptr);
  const std::scoped_lock lock{reading->mutex};
  entry.state = reading->state;
  if (entry.state) memory_used_ += entry.bytes;
}

std::shared_ptr<const PrefixShelf::Bytes> PrefixShelf::state(Key key) {
  const auto entry = place_of(key);
  if (entry == entries_.end() || fetching(key)) return nullptr;
  const bool read = entry->reading != nullptr;
  if (read) collect(*entry);
  auto state = entry->state;
  if (!state) {
    if (read) forget(key);  // its file is gone or damaged
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  make_room();
  return state;
}

void PrefixShelf::collect_read() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (!entry->reading || !is_ready(*entry)) continue;
    collect(*entry);
    if (!entry->state) erase(entry);  // its file is gone or damaged
  }
  make_room();
}

void PrefixShelf::forget(Key key) {
  if (const auto entry = place_of(key); entry != entries_.end()) erase(entry);
}

void PrefixShelf::erase(Place entry) {
  if (entry->state) memory_used_ -= entry->bytes;
  if (!entry->file.empty()) {
    disk_used_ -= entry->bytes;
    jobs_->add([file = entry->file] {
      std::error_code ignored;
      fs::remove(file, ignored);
    });
  }
  entries_.erase(entry);
}

void PrefixShelf::write_out(Entry& entry) {
  if (!entry.file.empty() || entry.bytes > options_.disk) return;
  if (jobs_->unwritten + entry.bytes > options_.memory) return;  // the disk does not keep up
  entry.file = options_.folder / (random_id("p") + kEnding);
  disk_used_ += entry.bytes;
  PrefixHead head{.tokens = entry.tokens, .salt = entry.salt, .state_bytes = entry.bytes};
  jobs_->unwritten += entry.bytes;
  jobs_->add([jobs = jobs_.get(), file = entry.file, key = options_.key, head = std::move(head), state = entry.state] {
    jobs->unwritten -= head.state_bytes;
    if (!write_prefix(file, key, head, *state)) log::warn("a prefix could not be kept", {{"file", file.string()}});
  });
}

void PrefixShelf::leave_memory(Entry& entry) {
  memory_used_ -= entry.bytes;
  entry.state = nullptr;
}

void PrefixShelf::make_room() {
  for (auto it = entries_.end(); memory_used_ > options_.memory && it != entries_.begin();) {
    const auto entry = --it;
    if (!entry->state) continue;
    write_out(*entry);
    if (entry->file.empty()) {
      it = std::next(entry);
      erase(entry);
    } else {
      leave_memory(*entry);
    }
  }
  for (auto it = entries_.end(); disk_used_ > options_.disk && it != entries_.begin();) {
    const auto entry = --it;
    if (entry->file.empty()) continue;
    it = std::next(entry);
    erase(entry);
  }
}

void PrefixShelf::drop_memory() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (!entry->state) continue;
    if (entry->file.empty()) {
      erase(entry);
    } else {
      leave_memory(*entry);
    }
  }
}

void PrefixShelf::save_all() {
  for (Entry& entry : entries_) {
    if (entry.state && disk_used_ + entry.bytes <= options_.disk) write_out(entry);
  }
}

}  // namespace hearth::engine
