// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "hearth/async/mailbox.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/estimate.hpp"

namespace hearth::engine {
namespace {

constexpr std::size_t kMaxNames = 64;  // of one copy; further ones are served and not listed

using Waiter = std::shared_ptr<async::Mailbox<bool>>;

struct Entry {
  enum class State : std::uint8_t { loading, ready };
  State state = State::loading;
  std::shared_ptr<Loaded> loaded;
  std::string name;             // who loaded it
  std::set<std::string> names;  // who used it since: names of the same weights share one copy
  std::uint64_t reserved = 0;   // bytes counted against the budget
  bool pinned = false;
  bool leave_when_idle = false;
  std::int32_t leases = 0;
  std::chrono::seconds keep_alive{};
  std::optional<Clock::time_point> expires;
  Clock::time_point last_used{};
  std::vector<Waiter> waiters;  // for the state to change
};

Error stopping() {
  return {.code = ErrorCode::unavailable,
          .message = "the server is stopping; ask again when it runs",
          .param = {},
          .retry_after = {}};
}

/// The context a request wants, which no model gives beyond what it was trained for.
std::int32_t wanted_context(const Entry& entry, const ModelSpec& spec) {
  const std::int32_t trained = entry.loaded->model->facts().train_context;
  return trained > 0 ? std::min(spec.options.context, trained) : spec.options.context;
}

/// True if the entry can serve this request now or when its load is done.
bool serves(const Entry& entry, const ModelSpec& spec) {
  return entry.state == Entry::State::loading || wanted_context(entry, spec) <= entry.loaded->instance->context();
}

class PoolImpl final : public Pool, public std::enable_shared_from_this<PoolImpl> {
 public:
  PoolImpl(Options options, async::BlockingPool& blocking) : options_{std::move(options)}, blocking_{blocking} {
    if (options_.budget == 0) {
      options_.budget = static_cast<std::uint64_t>(kBudgetShare * static_cast<double>(read_memory().available));
    }
  }

  Task<Result<Lease>> async_acquire(ModelSpec spec, std::optional<std::chrono::seconds> keep_alive) override;
  std::optional<Lease> find(const std::string& key) override;
  Task<bool> async_unload(std::string key, std::string name) override;
  Task<> async_tick(Clock::time_point now, Pressure pressure) override;
  Task<> async_stop() override;
  std::vector<PoolEntry> list() const override;
  std::uint64_t budget() const noexcept override { return options_.budget; }

 private:
  enum class Step : std::uint8_t { leased, wait, predict, load, refused };
  /// An entry that is to be loaded. It goes with this unless a model came there, however its requester ends.
  class Place {
   public:
    Place() = default;
    Place(std::weak_ptr<PoolImpl> pool, std::string key) : pool_{std::move(pool)}, key_{std::move(key)} {}
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) noexcept = default;  // only over an empty one
    ~Place() {
      if (const auto pool = pool_.lock()) pool->give_up(key_);
    }
    void keep() { pool_.reset(); }

   private:
    std::weak_ptr<PoolImpl> pool_;
    std::string key_;
  };
  struct Decision {
    Step step = Step::refused;
    Lease lease;
    Place place;
    Waiter waiter;
    std::vector<std::shared_ptr<Loaded>> leaving;  // to be destroyed on the blocking pool
    Error error;
  };

  bool is_served(const ModelSpec& spec) const;
  /// What loading it takes, if that was planned before: planning reads the whole vocabulary, as loading does.
  std::optional<std::uint64_t> planned(const ModelSpec& spec) const;
  void remember(const ModelSpec& spec, std::uint64_t bytes);
  Decision decide(const ModelSpec& spec, std::optional<std::chrono::seconds> keep_alive,
                  std::optional<std::uint64_t> needed, const asio::any_io_executor& executor);
  Lease make_lease(const std::string& key, Entry& entry, std::optional<std::chrono::seconds> keep_alive);
  void release(const std::string& key);
  std::optional<Error> make_room(std::uint64_t needed, std::vector<std::shared_ptr<Loaded>>& leaving);
  Task<Result<>> async_load(const ModelSpec& spec, Place place);
  /// Puts it where its place is kept. False if that is gone because the pool was stopped meanwhile.
  bool settle(const std::shared_ptr<Loaded>& loaded);
  void give_up(const std::string& key);
  Task<> async_destroy(std::vector<std::shared_ptr<Loaded>> leaving);
  std::vector<std::shared_ptr<Loaded>> take_expired(Clock::time_point now, bool every_idle);
  std::shared_ptr<Loaded> take(std::map<std::string, Entry>::iterator it);
  static void wake(Entry& entry) {
    for (const Waiter& waiter : std::exchange(entry.waiters, {})) waiter->push(true);
  }

  Options options_;
  async::BlockingPool& blocking_;
  struct Plan {
    LoadOptions options;
    std::uint64_t bytes;
  };
  static constexpr std::size_t kPlansMax = 64;

  mutable std::mutex mutex_;  // guards what follows; never held over a load or an unload
  std::map<std::string, Entry> entries_;
  std::map<std::string, Plan> plans_;  // by key
  Pressure pressure_ = Pressure::none;
  bool stopped_ = false;
};

Lease PoolImpl::make_lease(const std::string& key, Entry& entry, std::optional<std::chrono::seconds> keep_alive) {
  ++entry.leases;
  entry.expires.reset();
  entry.keep_alive = keep_alive.value_or(options_.keep_alive);
  return Lease{entry.loaded, [self = weak_from_this(), key] {
                 if (const auto pool = self.lock()) pool->release(key);
               }};
}

void PoolImpl::release(const std::string& key) {
  const std::lock_guard lock{mutex_};
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  Entry& entry = it->second;
  entry.last_used = Clock::now();
  if (--entry.leases > 0) return;
  if (entry.leave_when_idle) {
    entry.expires = entry.last_used;
  } else if (!entry.pinned && entry.keep_alive.count() >= 0) {
    entry.expires = Deadline::after(entry.last_used, entry.keep_alive).at();
  }
}

std::shared_ptr<Loaded> PoolImpl::take(std::map<std::string, Entry>::iterator it) {
  std::shared_ptr<Loaded> loaded = std::move(it->second.loaded);
  log::info("model unloaded", {{"model", it->second.name}, {"bytes", it->second.reserved}});
  wake(it->second);
  entries_.erase(it);
  return loaded;
}

std::optional<Error> PoolImpl::make_room(std::uint64_t needed, std::vector<std::shared_ptr<Loaded>>& leaving) {
  if (needed > options_.budget) {
    return Error{
        .code = ErrorCode::insufficient_memory,
        .message = fmt::format("the model needs {} and the memory budget is {}; use a smaller quantization, a smaller "
                               "context or fewer parallel sequences (hearth estimate shows which fit)",
                               text::human_bytes(needed), text::human_bytes(options_.budget)),
        .param = "model",
        .retry_after = {}};
  }
  std::uint64_t used = 0;
  std::uint64_t idle_bytes = 0;
  for (const auto& [key, entry] : entries_) {
    used += entry.reserved;
    if (entry.state == Entry::State::ready && entry.leases == 0 && !entry.pinned) idle_bytes += entry.reserved;
  }
  if (used - idle_bytes + needed > options_.budget) {
    return Error{.code = ErrorCode::unavailable,
                 .message = fmt::format("the model needs {}; other models that are busy or pinned hold {} of {}",
                                        text::human_bytes(needed), text::human_bytes(used - idle_bytes),
                                        text::human_bytes(options_.budget)),
                 .param = "model",
                 .retry_after = std::chrono::seconds{5}};
  }
  while (used + needed > options_.budget) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const Entry& entry = it->second;
      if (entry.state != Entry::State::ready || entry.leases > 0 || entry.pinned) continue;
      if (oldest == entries_.end() || entry.last_used < oldest->second.last_used) oldest = it;
    }
    used -= oldest->second.reserved;
    leaving.push_back(take(oldest));
  }
  return std::nullopt;
}

bool PoolImpl::is_served(const ModelSpec& spec) const {
  const std::lock_guard lock{mutex_};
  const auto it = entries_.find(spec.key);
  return stopped_ || (it != entries_.end() && serves(it->second, spec));  // decide() refuses then
}

std::optional<std::uint64_t> PoolImpl::planned(const ModelSpec& spec) const {
  const std::lock_guard lock{mutex_};
  const auto it = plans_.find(spec.key);
  if (it == plans_.end() || it->second.options != spec.options) return std::nullopt;
  return it->second.bytes;
}

void PoolImpl::remember(const ModelSpec& spec, std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  if (plans_.size() >= kPlansMax) plans_.clear();
  plans_.insert_or_assign(spec.key, Plan{spec.options, bytes});
}

PoolImpl::Decision PoolImpl::decide(const ModelSpec& spec, std::optional<std::chrono::seconds> keep_alive,
                                    std::optional<std::uint64_t> needed, const asio::any_io_executor& executor) {
  const std::lock_guard lock{mutex_};
  Decision decision;
  if (stopped_) {
    decision.error = stopping();
    return decision;
  }
  auto it = entries_.find(spec.key);
  if (it != entries_.end() && it->second.state == Entry::State::loading) {
    decision.step = Step::wait;
    decision.waiter = std::make_shared<async::Mailbox<bool>>(executor, 1);
    it->second.waiters.push_back(decision.waiter);
    return decision;
  }
  if (it != entries_.end()) {
    Entry& entry = it->second;
    if (serves(entry, spec)) {
      decision.step = Step::leased;
      entry.pinned = entry.pinned || spec.pinned;
      if (entry.names.size() < kMaxNames) entry.names.insert(spec.name);
      decision.lease = make_lease(spec.key, entry, keep_alive);
      return decision;
    }
    if (entry.leases > 0) {
      decision.error = {
          .code = ErrorCode::unavailable,
          .message = fmt::format("the model is busy with a context of {} and you ask for {}; try again when it is "
                                 "idle",
                                 entry.loaded->instance->context(), wanted_context(entry, spec)),
          .param = "num_ctx",
          .retry_after = std::chrono::seconds{5}};
      return decision;
    }
    if (needed) decision.leaving.push_back(take(it));
  }
  if (!needed) {  // unloaded since it was looked for: predict first
    decision.step = Step::predict;
    return decision;
  }
  if (auto error = make_room(*needed, decision.leaving)) {
    decision.error = std::move(*error);
    return decision;
  }
  Entry entry;
  entry.name = spec.name;
  entry.names = {spec.name};
  entry.reserved = *needed;
  entry.pinned = spec.pinned;
  entries_.emplace(spec.key, std::move(entry));
  decision.place = Place{weak_from_this(), spec.key};
  decision.step = Step::load;
  return decision;
}

Task<Result<Lease>> PoolImpl::async_acquire(ModelSpec spec, std::optional<std::chrono::seconds> keep_alive) {
  const auto executor = co_await asio::this_coro::executor;
  std::optional<std::uint64_t> needed;
  while (true) {
    if (!needed && !is_served(spec)) {
      needed = planned(spec);
      if (!needed) {
        auto predict = [&spec] { return estimate(spec.options); };
        HEARTH_CO_TRY(const MemoryEstimate predicted, co_await blocking_.async_run(std::move(predict)));
        needed = predicted.total();
        if (spec.options.draft.empty()) remember(spec, *needed);  // the key is not of the draft's content
      }
      continue;  // the entry may have changed meanwhile
    }
    Decision decision = decide(spec, keep_alive, needed, executor);
    if (!decision.leaving.empty()) co_await async_destroy(std::move(decision.leaving));
    if (decision.step == Step::leased) co_return std::move(decision.lease);
    if (decision.step == Step::refused) co_return fail(std::move(decision.error));
    if (decision.step == Step::predict) continue;
    if (decision.step == Step::wait) {
      co_await decision.waiter->async_receive();
      continue;
    }
    HEARTH_CO_CHECKED(co_await async_load(spec, std::move(decision.place)));
  }
}

Task<Result<>> PoolImpl::async_load(const ModelSpec& spec, Place place) {
  // Owns everything it touches: the requester may be cancelled while the load goes on, others may wait for it.
  PrefixKeeping keeping{.memory = options_.prefix_memory,
                        .disk = options_.prefix_disk,
                        .folder = options_.prefix_folder,
                        .model = spec.key,
                        .background = [&blocking = blocking_](auto job) { blocking.post(std::move(job)); }};
  auto work = [spec, keeping, observer = options_.observer]() -> Result<std::shared_ptr<Loaded>> {
    const Clock::time_point start = Clock::now();
    auto loaded = std::make_shared<Loaded>();
    loaded->key = spec.key;
    loaded->name = spec.name;
    HEARTH_TRY(loaded->model, Model::load(spec.options));
    HEARTH_TRY(loaded->chat, ChatFormat::create(loaded->model->raw(), spec.options.chat_template));
    HEARTH_TRY(loaded->instance,
               Instance::start(loaded->model, spec.options, observer ? observer(spec.name) : nullptr, keeping));
    log::info("model loaded", {{"model", spec.name},
                               {"bytes", loaded->instance->bytes()},
                               {"context", loaded->instance->context()},
                               {"ms", std::chrono::duration<double, std::milli>(Clock::now() - start).count()}});
    return loaded;
  };
  Result<std::shared_ptr<Loaded>> loaded = fail(ErrorCode::internal, "the load did not run");
  try {
    loaded = co_await blocking_.async_run(std::move(work));
  } catch (const std::exception& e) {
    loaded = fail(ErrorCode::internal, fmt::format("loading failed: {}", e.what()));
  }
  if (!loaded) co_return fail(std::move(loaded).error());
  if (settle(*loaded)) {
    place.keep();
    co_return Result<>{};
  }
  std::vector<std::shared_ptr<Loaded>> leaving;
  leaving.push_back(*std::move(loaded));
  co_await async_destroy(std::move(leaving));
  co_return fail(stopping());
}

bool PoolImpl::settle(const std::shared_ptr<Loaded>& loaded) {
  const std::lock_guard lock{mutex_};
  const auto it = entries_.find(loaded->key);
  if (it == entries_.end()) return false;
  Entry& entry = it->second;
  entry.loaded = loaded;
  entry.state = Entry::State::ready;
  entry.reserved = std::max(entry.reserved, loaded->instance->bytes());
  entry.last_used = Clock::now();
  entry.keep_alive = options_.keep_alive;
  if (!entry.pinned) entry.expires = Deadline::after(entry.last_used, entry.keep_alive).at();
  wake(entry);
  return true;
}

void PoolImpl::give_up(const std::string& key) {
  const std::lock_guard lock{mutex_};
  const auto it = entries_.find(key);
  if (it == entries_.end() || it->second.state != Entry::State::loading) return;
  wake(it->second);
  entries_.erase(it);
}

Task<> PoolImpl::async_destroy(std::vector<std::shared_ptr<Loaded>> leaving) {
  auto work = [leaving = std::move(leaving)]() mutable { leaving.clear(); };
  co_await blocking_.async_run(std::move(work));
}

std::optional<Lease> PoolImpl::find(const std::string& key) {
  const std::lock_guard lock{mutex_};
  const auto it = entries_.find(key);
  if (it == entries_.end() || it->second.state != Entry::State::ready) return std::nullopt;
  return make_lease(key, it->second, it->second.keep_alive);
}

Task<bool> PoolImpl::async_unload(std::string key, std::string name) {
  std::vector<std::shared_ptr<Loaded>> leaving;
  {
    const std::lock_guard lock{mutex_};
    const auto it = entries_.find(key);
    if (it == entries_.end() || it->second.state != Entry::State::ready || !it->second.names.contains(name))
      co_return false;
    it->second.names.erase(name);
    if (it->second.pinned || !it->second.names.empty()) co_return true;  // another name still wants the copy
    if (it->second.leases > 0) {
      it->second.leave_when_idle = true;
    } else {
      leaving.push_back(take(it));
    }
  }
  if (!leaving.empty()) co_await async_destroy(std::move(leaving));
  co_return true;
}

std::vector<std::shared_ptr<Loaded>> PoolImpl::take_expired(Clock::time_point now, bool every_idle) {
  std::vector<std::shared_ptr<Loaded>> leaving;
  const std::lock_guard lock{mutex_};
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    const Entry& entry = it->second;
    const bool expired = entry.expires && now >= *entry.expires;
    if (entry.state == Entry::State::ready && entry.leases == 0 && (expired || (every_idle && !entry.pinned))) {
      leaving.push_back(take(it));
    }
    it = next;
  }
  return leaving;
}

Task<> PoolImpl::async_tick(Clock::time_point now, Pressure pressure) {
  auto leaving = take_expired(now, pressure >= Pressure::high);
  {
    const std::lock_guard lock{mutex_};
    if (pressure != pressure_) {
      log::warn("memory pressure", {{"level", static_cast<int>(pressure)}, {"before", static_cast<int>(pressure_)}});
    }
    for (const auto& [key, entry] : entries_) {
      if (entry.state != Entry::State::ready) continue;
      if (pressure >= Pressure::low && pressure_ < Pressure::low) entry.loaded->instance->drop_cached_prefixes();
      entry.loaded->instance->keep_prefixes(pressure < Pressure::low);
      entry.loaded->instance->refuse_prompts_over(pressure == Pressure::critical ? kLongPrompt : 0);
    }
    pressure_ = pressure;
  }
  if (!leaving.empty()) co_await async_destroy(std::move(leaving));
}

Task<> PoolImpl::async_stop() {
  std::vector<std::shared_ptr<Loaded>> leaving;
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    for (auto& [key, entry] : entries_) {
      if (entry.loaded) {
        entry.loaded->instance->stop();  // leases keep it alive until their requests have ended
        leaving.push_back(std::move(entry.loaded));
      }
      wake(entry);
    }
    entries_.clear();
  }
  co_await async_destroy(std::move(leaving));
}

std::vector<PoolEntry> PoolImpl::list() const {
  std::vector<PoolEntry> list;
  const std::lock_guard lock{mutex_};
  for (const auto& [key, entry] : entries_) {
    if (entry.state != Entry::State::ready) continue;
    const InstanceStatus status = entry.loaded->instance->status();
    for (const std::string& name : entry.names) {
      list.push_back({.key = key,
                      .name = name,
                      .bytes = entry.reserved,
                      .device_bytes = entry.loaded->instance->device_bytes(),
                      .pinned = entry.pinned,
                      .leases = entry.leases,
                      .expires = entry.leases == 0 ? entry.expires : std::nullopt,
                      .status = status});
    }
  }
  return list;
}

}  // namespace

std::shared_ptr<Pool> Pool::create(Options options, async::BlockingPool& blocking) {
  return std::make_shared<PoolImpl>(std::move(options), blocking);
}

}  // namespace hearth::engine
