// SPDX-License-Identifier: Apache-2.0
#include "hearth/audit/audit_log.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "chain.hpp"
#include "head.hpp"
#include "hearth/base/lock_file.hpp"
#include "hearth/base/log.hpp"
#include "segment.hpp"

namespace hearth::audit {
namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(WallClock::now().time_since_epoch()).count();
}

constexpr std::size_t kBusy = 4;                       // a batch of more than so many was made under load
constexpr std::chrono::microseconds kPatience{1'000};  // then the next one is waited for, so long

class AuditLogImpl final : public AuditLog {
 public:
  explicit AuditLogImpl(Options options) : options_{std::move(options)}, lock_{folder_of(options_.home) / ".lock"} {}
  ~AuditLogImpl() override {
    {
      const std::lock_guard guard{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  bool locked() const { return lock_.held(); }

  Result<> prepare();
  Task<Result<>> async_append(Record record) override;
  void append(Record record) override;

 private:
  using Done = std::move_only_function<void(bool durable)>;
  struct Item {
    Record record;
    asio::any_io_executor executor{};  // where `done` is called
    Done done{};                       // empty: nobody waits
  };

  /// False: there is no room, and the item is as it was.
  bool push(Item& item);
  void run();
  bool write(std::deque<Item>& batch);
  static void tell(std::deque<Item>& batch, bool durable);
  void sign();
  void rotate();
  void prune();
  bool write_line(const std::string& line);

  const Options options_;
  const LockFile lock_;
  std::unique_ptr<Signer> signer_;
  // Of the thread `audit`, once it runs.
  Segment segment_;
  std::uint64_t seq_ = 0;  // of the last record
  std::string hash_{kGenesis};
  std::uint64_t signed_ = UINT64_MAX;
  Clock::time_point signed_at_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::size_t wanted_ = 1;  // records that the thread waits for
  bool stopping_ = false;
  std::thread thread_;
};

Result<> AuditLogImpl::prepare() {
  HEARTH_TRY(signer_, Signer::open(options_.home));
  HEARTH_TRY(const std::optional<Head> head, read_head(options_.home));
  const auto segments = segments_of(options_.home);
  HEARTH_TRY(segment_,
             Segment::open(segments.empty() ? folder_of(options_.home) / segment_name(1) : segments.back().second));
  if (!segment_.last_line().empty()) {
    const auto link = parse(segment_.last_line());
    if (!link)
      return fail(ErrorCode::corrupt_data, fmt::format("{}: the last line is no record", options_.home.string()));
    seq_ = link->seq;
    hash_ = hash_of(segment_.last_line());
  } else if (segments.size() > 1) {
    // It ended between two segments: the new one is empty, the chain goes on from the one before.
    std::ifstream in{segments[segments.size() - 2].second};
    std::string line;
    std::string last;
    while (std::getline(in, line)) std::swap(last, line);
    const auto link = parse(last);
    if (!link) return fail(ErrorCode::corrupt_data, "the last line of the segment before the last is no record");
    seq_ = link->seq;
    hash_ = hash_of(last);
  } else if (!segments.empty() && segments.back().first > 1) {
    return fail(ErrorCode::corrupt_data,
                fmt::format("{} is empty and what was before it is gone", segments.back().second.string()));
  }
  if (head && seq_ < head->seq) {
    return fail(
        ErrorCode::corrupt_data,
        fmt::format("the audit log in {} ends with record {}, but {} were signed: its end was cut off. Keep it as "
                    "evidence, move the folder away and start anew",
                    folder_of(options_.home).string(), seq_, head->seq));
  }
  sign();
  thread_ = std::thread{[this] { run(); }};
  return {};
}

bool AuditLogImpl::push(Item& item) {
  if (item.record.at_ms == 0) item.record.at_ms = now_ms();
  {
    const std::lock_guard guard{mutex_};
    if (stopping_ || queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(item));
    if (queue_.size() != wanted_) return true;  // waking the thread for less would cost more than writing it
  }
  wake_.notify_one();
  return true;
}

Task<Result<>> AuditLogImpl::async_append(Record record) {
  auto initiate = [this, &record](auto handler) {
    Item item{.record = std::move(record),
              .executor = asio::get_associated_executor(handler),
              .done = [handler = std::move(handler)](bool durable) mutable { std::move(handler)(durable); }};
    if (push(item)) return;
    std::deque<Item> refused;
    refused.push_back(std::move(item));
    tell(refused, false);
  };
  const bool durable =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(initiate, asio::use_awaitable);
  if (durable) co_return Result<>{};
  co_return fail(ErrorCode::unavailable, "the audit log cannot be written, and without it nothing leaves this machine");
}

void AuditLogImpl::append(Record record) {
  Item item{.record = std::move(record)};
  if (!push(item)) log::error("audit: a record was lost, the queue is full");
}

void AuditLogImpl::run() {
  ::pthread_setname_np(::pthread_self(), "audit");
  std::size_t busy = 0;  // records of the last batch
  std::unique_lock guard{mutex_};
  while (true) {
    const auto something = [this] { return stopping_ || !queue_.empty(); };
    if (signed_ == seq_) {
      wake_.wait(guard, something);
    } else {
      wake_.wait_for(guard, options_.head_every, something);
    }
    // While many come, a little patience makes one sync of what would be several.
    if (busy > kBusy) {
      wanted_ = busy;
      wake_.wait_for(guard, kPatience, [&] { return stopping_ || queue_.size() >= busy; });
      wanted_ = 1;
    }
    std::deque<Item> batch;
    std::swap(batch, queue_);
    busy = batch.size();
    const bool last = stopping_;
    guard.unlock();
    if (!batch.empty()) {
      const bool durable = write(batch);
      tell(batch, durable);
    }
    if (last || Clock::now() - signed_at_ >= options_.head_every) sign();
    if (segment_.size() >= options_.segment_bytes) rotate();
    guard.lock();
    if (last && queue_.empty()) return;
  }
}

/// One post for all that wait on one executor: waking a thread costs more than calling them.
void AuditLogImpl::tell(std::deque<Item>& batch, bool durable) {
  for (auto first = batch.begin(); first != batch.end(); ++first) {
    if (!first->done) continue;
    std::vector<Done> mine;
    for (auto item = first; item != batch.end(); ++item) {
      if (item->done && item->executor == first->executor) mine.push_back(std::exchange(item->done, nullptr));
    }
    asio::post(first->executor, [mine = std::move(mine), durable]() mutable {
      for (Done& done : mine) done(durable);
    });
  }
}

bool AuditLogImpl::write(std::deque<Item>& batch) {
  std::string bytes;
  std::uint64_t seq = seq_;
  std::string hash = hash_;
  for (const Item& item : batch) {
    const std::string line = line_of(item.record, ++seq, hash);
    hash = hash_of(line);
    bytes += line;
    bytes += '\n';
  }
  if (const Result<> written = segment_.append(bytes); !written) {
    log::error("audit: not written", {{"reason", written.error().message}, {"records", batch.size()}});
    return false;
  }
  seq_ = seq;
  hash_ = std::move(hash);
  return true;
}

bool AuditLogImpl::write_line(const std::string& line) {
  if (!segment_.append(line + "\n")) return false;
  ++seq_;
  hash_ = hash_of(line);
  return true;
}

void AuditLogImpl::sign() {
  signed_at_ = Clock::now();
  if (signed_ == seq_) return;
  if (const Result<> written = signer_->write({.seq = seq_, .hash = hash_, .at_ms = now_ms()}); !written) {
    log::error("audit: the head was not signed", {{"reason", written.error().message}});
    return;
  }
  signed_ = seq_;
}

void AuditLogImpl::rotate() {
  auto next = Segment::open(folder_of(options_.home) / segment_name(seq_ + 1));
  if (!next) return log::error("audit: no new segment", {{"reason", next.error().message}});
  segment_ = std::move(*next);
  prune();
}

/// One segment at a time: first the chain says so, then the file goes. After a crash between the two nothing is wrong.
void AuditLogImpl::prune() {
  const auto segments = segments_of(options_.home);
  const auto oldest = std::filesystem::file_time_type::clock::now() - options_.keep;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    std::error_code failed;
    if (std::filesystem::last_write_time(segments[i].second, failed) >= oldest || failed) return;
    std::ifstream in{segments[i + 1].second};
    std::string line;
    if (!std::getline(in, line)) return;
    const auto link = parse(line);
    if (!link || !write_line(pruned_line(link->seq, link->prev, seq_ + 1, now_ms(), hash_))) return;
    std::filesystem::remove(segments[i].second, failed);
  }
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(Options options) {
  std::error_code failed;
  std::filesystem::create_directories(folder_of(options.home), failed);
  auto log = std::make_unique<AuditLogImpl>(std::move(options));
  if (!log->locked()) return fail(ErrorCode::conflict, "another process writes the audit log of this home");
  HEARTH_CHECKED(log->prepare());
  return log;
}

}  // namespace hearth::audit
