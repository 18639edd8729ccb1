// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/async/blocking_pool.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/engine/chat_format.hpp"
#include "hearth/engine/instance.hpp"
#include "hearth/engine/pressure.hpp"

namespace hearth::engine {

/// Which weights, and how to load them if they are not there.
struct ModelSpec {
  std::string key;   // of the weights and adapters: equal keys share one copy, whatever they are called
  std::string name;  // shown and counted under this name
  LoadOptions options;
  bool pinned = false;  // stays loaded
};

/// One model in memory.
struct Loaded {
  std::string key;
  std::string name;
  std::shared_ptr<Model> model;
  std::unique_ptr<ChatFormat> chat;
  std::unique_ptr<Instance> instance;
};

/// Keeps a loaded model from being unloaded. Movable; any thread.
class Lease {
 public:
  Lease() = default;
  Lease(std::shared_ptr<Loaded> loaded, std::function<void()> release)
      : loaded_{std::move(loaded)}, release_{std::move(release)} {}
  ~Lease() { reset(); }
  Lease(Lease&& other) noexcept : loaded_{std::move(other.loaded_)}, release_{std::exchange(other.release_, {})} {}
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      reset();
      loaded_ = std::move(other.loaded_);
      release_ = std::exchange(other.release_, {});
    }
    return *this;
  }
  Loaded* operator->() const noexcept { return loaded_.get(); }
  Loaded& operator*() const noexcept { return *loaded_; }

 private:
  void reset() {
    loaded_.reset();
    if (release_) std::exchange(release_, {})();
  }
  std::shared_ptr<Loaded> loaded_;
  std::function<void()> release_;
};

/// One line of list(): a loaded model under one of its names. Names of one copy have equal keys.
struct PoolEntry {
  std::string key;
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t device_bytes = 0;
  bool pinned = false;
  std::int32_t leases = 0;
  std::optional<Clock::time_point> expires;  // idle and not pinned for ever
  InstanceStatus status;
};

/// All models in memory under one byte budget. A load is predicted before it starts; room is made by unloading idle
/// models, the one idle longest first; a busy one is never unloaded. Several requests for one model cause one load.
/// Any thread; loading and unloading run on the blocking pool.
class Pool {
 public:
  struct Options {
    std::uint64_t budget = 0;  // bytes; 0: kBudgetShare of what is available at the start
    std::chrono::seconds keep_alive{300};
    std::function<std::shared_ptr<Observer>(const std::string& name)> observer;
    std::uint64_t prefix_memory = 0;  // bytes a model, beside `budget`, for prefixes that lost their KV cells
    std::uint64_t prefix_disk = 0;    // the same in files of prefix_folder
    std::filesystem::path prefix_folder;
  };
  static constexpr double kBudgetShare = 0.9;
  static constexpr std::int32_t kLongPrompt = 2048;  // refused above this under critical memory pressure

  static std::shared_ptr<Pool> create(Options options, async::BlockingPool& blocking);
  virtual ~Pool() = default;

  /// Loads if need be. insufficient_memory: can never fit; unavailable with retry_after: busy models hold the memory.
  /// `keep_alive` from the end of this lease: absent the pool's, negative for ever, 0 at once.
  virtual Task<Result<Lease>> async_acquire(ModelSpec spec, std::optional<std::chrono::seconds> keep_alive) = 0;
  /// A lease if the key is loaded already.
  virtual std::optional<Lease> find(const std::string& key) = 0;
  /// `name` does without the model: it is unloaded when its last lease ends, unless it is pinned or loaded under
  /// another name too. False if it is not loaded under this name.
  virtual Task<bool> async_unload(std::string key, std::string name) = 0;
  /// Unloads what has expired and follows the memory pressure. Call once a second.
  virtual Task<> async_tick(Clock::time_point now, Pressure pressure) = 0;
  /// Unloads everything; running requests end with `unavailable`.
  virtual Task<> async_stop() = 0;
  virtual std::vector<PoolEntry> list() const = 0;
  virtual std::uint64_t budget() const noexcept = 0;
};

}  // namespace hearth::engine
