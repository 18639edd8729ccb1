// SPDX-License-Identifier: Apache-2.0
#include "hearth/store/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "hearth/base/lock_file.hpp"
#include "hearth/base/log.hpp"
#include "statements.hpp"

namespace hearth::store {
namespace {

constexpr int kBusyMs = 5'000;
constexpr std::chrono::seconds kRetryEvery{1};

/// Full disks and busy files get better; a change that breaks the schema does not.
bool may_pass(int code) {
  return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_BUSY || code == SQLITE_LOCKED ||
         code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_NOMEM;
}

class DatabaseImpl final : public Database {
 public:
  explicit DatabaseImpl(Options options) : options_{std::move(options)}, lock_{options_.file.string() + ".lock"} {}
  ~DatabaseImpl() override {
    {
      const std::lock_guard guard{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  bool locked() const { return lock_.held(); }

  Result<> prepare();
  bool post(Change change) override;
  void nudge(When when) override;
  bool flush() override;
  Result<std::vector<Row>> read(const std::string& sql, const Row& values) const override;

 private:
  void run();
  bool commit(const std::deque<Change>& batch);

  const Options options_;
  const LockFile lock_;
  std::optional<SQLite::Database> connection_;  // of the thread `db`, once it runs
  std::optional<Statements> statements_;
  std::mutex mutex_;
  std::condition_variable wake_;       // there is something to do
  std::condition_variable committed_;  // a batch has ended
  std::deque<Change> queue_;
  std::uint64_t rounds_ = 0;    // that have ended, committed or not
  std::uint64_t taken_ = 0;     // batches
  std::uint64_t finished_ = 0;  // of them
  bool nudged_ = false;
  bool hurried_ = false;  // nothing more is to gather
  bool failing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// A ledger is nobody else's business; SQLite gives its other files the mode of this one.
void create_private(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0) ::close(descriptor);
}

Result<> DatabaseImpl::prepare() {
  create_private(options_.file);
  try {
    connection_.emplace(options_.file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs);
    connection_->exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY");
    const auto version = static_cast<std::size_t>(connection_->execAndGet("PRAGMA user_version").getInt());
    if (version > options_.migrations.size()) {
      return fail(ErrorCode::unsupported,
                  fmt::format("{} was written by a newer version of Hearth (schema {}, here {})",
                              options_.file.string(), version, options_.migrations.size()));
    }
    for (std::size_t step = version; step < options_.migrations.size(); ++step) {
      SQLite::Transaction transaction{*connection_};
      connection_->exec(options_.migrations[step]);
      connection_->exec(fmt::format("PRAGMA user_version={}", step + 1));
      transaction.commit();
    }
  } catch (const SQLite::Exception& e) {
    return fail(ErrorCode::corrupt_data,
                fmt::format("cannot open {}: {}; move it away to start anew", options_.file.string(), e.what()));
  }
  statements_.emplace(*connection_);
  thread_ = std::thread{&DatabaseImpl::run, this};
  return {};
}

bool DatabaseImpl::post(Change change) {
  {
    const std::lock_guard guard{mutex_};
    if (queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(change));
    if (queue_.size() > 1) return true;  // the thread was woken by the first
  }
  wake_.notify_one();
  return true;
}

void DatabaseImpl::nudge(When when) {
  {
    const std::lock_guard guard{mutex_};
    const bool hurry = when == When::at_once && !hurried_;
    if (std::exchange(nudged_, true) && !hurry) return;
    hurried_ = hurried_ || hurry;
  }
  wake_.notify_one();
}

bool DatabaseImpl::flush() {
  std::unique_lock guard{mutex_};
  // The batch under way may have been taken before the last change was posted; the next one takes everything.
  const std::uint64_t wanted = taken_ + 1;
  const std::uint64_t enough = rounds_ + 2;
  while (finished_ < wanted) {
    if (failing_ && rounds_ >= enough) return false;
    hurried_ = nudged_ = true;
    wake_.notify_one();
    committed_.wait(guard);
  }
  return true;
}

void DatabaseImpl::run() {
  ::pthread_setname_np(::pthread_self(), "db");
  std::deque<Change> batch;
  while (true) {
    const bool again = !batch.empty();  // the last commit failed
    bool last = false;
    {
      std::unique_lock guard{mutex_};
      if (!again) {
        wake_.wait(guard, [&] { return stopping_ || nudged_ || !queue_.empty(); });
        wake_.wait_for(guard, options_.gather, [&] { return stopping_ || hurried_; });
        batch = std::exchange(queue_, {});
        nudged_ = hurried_ = false;
        ++taken_;
      } else {
        wake_.wait_for(guard, kRetryEvery, [&] { return stopping_; });
      }
      last = stopping_;
    }
    if (!again && options_.collect && batch.size() < options_.queue_max) options_.collect(batch);
    const bool done = batch.empty() || commit(batch);
    if (done && last && !again) return;  // while an older batch was tried again, more may have come
    const std::lock_guard guard{mutex_};
    ++rounds_;
    if (!done && stopping_)
      log::error("database: changes lost at the end", {{"changes", batch.size() + queue_.size()}});
    if (done || stopping_) batch.clear();
    if (done) finished_ = taken_;
    failing_ = !done;
    committed_.notify_all();
    if (!done && stopping_) return;
  }
}

bool DatabaseImpl::commit(const std::deque<Change>& batch) {
  try {
    SQLite::Transaction transaction{*connection_};
    for (const Change& change : batch) statements_->run(change);
    transaction.commit();
    return true;
  } catch (const SQLite::Exception& e) {
    if (may_pass(e.getErrorCode())) {
      log::error("database: a commit failed, it is tried again", {{"changes", batch.size()}, {"reason", e.what()}});
      return false;
    }
    if (batch.size() == 1) {
      log::error("database: a change is refused and lost",
                 {{"sql", std::string{batch.front().sql}}, {"reason", e.what()}});
      return true;
    }
  }
  // One that can never be made must not hold up the others.
  return std::ranges::all_of(batch, [this](const Change& change) { return commit({change}); });
}

Result<std::vector<Row>> DatabaseImpl::read(const std::string& sql, const Row& values) const {
  return read_file(options_.file, sql, values);
}

}  // namespace

Result<std::vector<Row>> Database::read_file(const std::filesystem::path& file, const std::string& sql,
                                             const Row& values) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    return fail(ErrorCode::not_found, fmt::format("{} is not there", file.string()));
  try {
    SQLite::Database connection{file.string(), SQLite::OPEN_READONLY, kBusyMs};
    SQLite::Statement statement{connection, sql};
    bind(statement, values);
    std::vector<Row> rows;
    while (statement.executeStep()) rows.push_back(row_of(statement));
    return rows;
  } catch (const SQLite::Exception& e) {
    return fail(ErrorCode::internal, fmt::format("database: {}", e.what()));
  }
}

Result<std::unique_ptr<Database>> Database::open(Options options) {
  std::error_code error;
  std::filesystem::create_directories(options.file.parent_path(), error);
  auto database = std::make_unique<DatabaseImpl>(std::move(options));
  if (!database->locked()) {
    return fail(ErrorCode::conflict,
                "the ledger's folder is in use by another hearth serve, or not writable; stop that one, or give this "
                "one another --home",
                "home");
  }
  HEARTH_CHECKED(database->prepare());
  return database;
}

}  // namespace hearth::store
