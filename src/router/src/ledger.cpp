// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/ledger.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "hearth/base/log.hpp"
#include "hearth/store/database.hpp"
#include "journal.hpp"

namespace hearth::router {
namespace {

using store::Row;
using store::Value;

constexpr double kNano = 1e9;

const std::vector<std::string> kMigrations{
    "CREATE TABLE requests (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, principal TEXT NOT NULL, route TEXT NOT "
    "NULL,"
    " outcome TEXT NOT NULL DEFAULT 'open', error TEXT, decision TEXT, target TEXT, zone TEXT, attempts INTEGER,"
    " escalated INTEGER, confidence REAL, prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER,"
    " reasoning_tokens INTEGER, cost_nano INTEGER NOT NULL DEFAULT 0, saved_nano INTEGER NOT NULL DEFAULT 0,"
    " duration_us INTEGER);"
    "CREATE INDEX requests_at ON requests (at_ms);"
    "CREATE INDEX requests_open ON requests (outcome) WHERE outcome = 'open'",
    "CREATE TABLE shadows (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, route TEXT NOT NULL, workload TEXT NOT NULL,"
    " target TEXT NOT NULL, shadow_target TEXT NOT NULL, error TEXT, agrees INTEGER, agreement REAL, prompt TEXT,"
    " cost_nano INTEGER NOT NULL DEFAULT 0)",
    "ALTER TABLE shadows ADD COLUMN confidence REAL",
    "ALTER TABLE requests ADD COLUMN belongs TEXT",
};
constexpr std::string_view kBegin =
    "INSERT INTO requests (id, at_ms, principal, route, belongs) VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr std::string_view kEnd =
    "UPDATE requests SET outcome = ?2, error = ?3, decision = ?4, route = ?5, target = ?6, zone = ?7, attempts = ?8,"
    " escalated = ?9, confidence = ?10, prompt_tokens = ?11, cached_tokens = ?12, completion_tokens = ?13,"
    " reasoning_tokens = ?14, cost_nano = ?15, saved_nano = ?16, duration_us = ?17 WHERE id = ?1 AND outcome = 'open'";
constexpr std::string_view kMissing =
    "INSERT OR IGNORE INTO requests (id, at_ms, principal, route, belongs) VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr std::string_view kWhole =
    "INSERT INTO requests (id, outcome, error, decision, route, target, zone, attempts, escalated, confidence,"
    " prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost_nano, saved_nano, duration_us, at_ms,"
    " principal, belongs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
    " ?20)";
constexpr std::string_view kExpire = "UPDATE requests SET outcome = 'expired' WHERE outcome = 'open'";
constexpr std::string_view kKeep =
    "INSERT INTO shadows (at_ms, route, workload, target, shadow_target, error, agrees, agreement, prompt, cost_nano, "
    "confidence)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
constexpr const char* kConfidences =
    "SELECT target, confidence, agrees FROM shadows WHERE confidence IS NOT NULL AND error IS NULL LIMIT 1000000";
constexpr std::string_view kForgetShadows = "DELETE FROM shadows WHERE at_ms < ?1";
constexpr const char* kVerdicts =
    "SELECT prompt, agrees, workload FROM shadows WHERE prompt IS NOT NULL AND error IS NULL ORDER BY id LIMIT 1000000";
constexpr std::string_view kForget = "DELETE FROM requests WHERE at_ms < ?1";

std::int64_t milliseconds(WallClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string outcome_name(const Outcome& outcome) {
  if (!outcome.error) return "completed";
  return *outcome.error == ErrorCode::cancelled ? "cancelled" : "failed";
}

template <class T>
Value or_null(bool known, T value) {
  return known ? Value{std::move(value)} : Value{};
}

std::vector<Verdict> verdicts_of(const std::vector<Row>& rows) {
  std::vector<Verdict> out;
  for (const Row& row : rows) {
    out.push_back({.prompt = store::text_of(row[0]),
                   .weak_correct = store::integer_of(row[1]) != 0,
                   .strong_correct = true,
                   .subject = store::text_of(row[2])});
  }
  return out;
}

/// Long enough for most requests to begin and end within it, which makes them one row written once. Nothing is lost
/// with the process meanwhile: the journal has it.
constexpr std::chrono::milliseconds kGather{50};
/// Of the journal, taken by requests that have ended: those that run shall find others.
constexpr std::size_t kManySlots = Journal::kSlots / 8;

class LedgerImpl final : public Ledger {
 public:
  Result<> open(const std::filesystem::path& file, WallClock::time_point now) {
    const auto collect = [this](std::deque<store::Change>& out) { hand_over(out); };
    HEARTH_TRY(database_,
               store::Database::open({.file = file, .migrations = kMigrations, .gather = kGather, .collect = collect}));
    std::filesystem::path beside = file;
    HEARTH_TRY(journal_, Journal::open(beside.replace_extension(".journal")));
    recover();
    post({.sql = kExpire, .values = {}});
    if (!database_->flush()) return fail(ErrorCode::internal, "the ledger cannot be written");
    journal_->clear();
    HEARTH_TRY(const auto last, database_->read("SELECT coalesce(max(id), 0) FROM requests", {}));
    next_ = store::integer_of(last.at(0).at(0)) + 1;
    for (const std::string_view forget : {kForget, kForgetShadows}) {
      post({.sql = forget, .values = {milliseconds(now - kKept)}});
    }
    database_->flush();
    return {};
  }

  std::int64_t begin(const std::string& principal, const std::string& belongs, const std::string& route,
                     WallClock::time_point now) override {
    const std::int64_t number = next_.fetch_add(1, std::memory_order_relaxed);
    {
      const std::lock_guard lock{mutex_};
      if (!has_room()) return number;
      begun_.emplace(number, Begun{milliseconds(now), principal, belongs, route});
      if (const auto slot = journal_->begin(number, milliseconds(now), principal, belongs, route))
        slots_.emplace(number, *slot);
    }
    database_->nudge(store::Database::When::gathered);
    return number;
  }

  void end(std::int64_t number, const Outcome& o) override {
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(o.duration).count();
    store::Change change{
        .sql = kEnd,
        .values = {number, outcome_name(o),
                   or_null(o.error.has_value(), std::string{o.error ? traits(*o.error).name : ""}), o.decision, o.route,
                   or_null(!o.target.empty(), o.target), or_null(!o.zone.empty(), o.zone), std::int64_t{o.attempts},
                   std::int64_t{o.escalated ? 1 : 0}, or_null(o.confidence.has_value(), o.confidence.value_or(0)),
                   o.usage.prompt_tokens, o.usage.cached_tokens, o.usage.completion_tokens, o.usage.reasoning_tokens,
                   static_cast<std::int64_t>(o.cost_usd * kNano), static_cast<std::int64_t>(o.saved_usd * kNano),
                   std::int64_t{duration}}};
    auto when = store::Database::When::gathered;
    {
      const std::lock_guard lock{mutex_};
      if (const auto begun = begun_.find(number);
          begun != begun_.end()) {  // most end before their beginning is written
        change.sql = kWhole;
        change.values.emplace_back(begun->second.at_ms);
        change.values.emplace_back(std::move(begun->second.principal));
        change.values.emplace_back(std::move(begun->second.belongs));
        begun_.erase(begun);
      }
      if (!has_room()) return;
      ended_.push_back(std::move(change));
      if (const auto slot = slots_.find(number); slot != slots_.end()) {
        journal_->end(slot->second, entry_of(o));
        ended_slots_.push_back(slot->second);
        slots_.erase(slot);
      }
      if (ended_slots_.size() >= kManySlots) when = store::Database::When::at_once;
    }
    database_->nudge(when);
  }

  void keep(const ShadowVerdict& v, WallClock::time_point now) override {
    post({.sql = kKeep,
          .values = {milliseconds(now), v.route, v.workload, v.target, v.shadow_target,
                     or_null(v.error.has_value(), std::string{v.error ? traits(*v.error).name : ""}),
                     or_null(!v.error, std::int64_t{v.agrees ? 1 : 0}), or_null(!v.error, v.agreement),
                     or_null(!v.prompt.empty(), v.prompt), static_cast<std::int64_t>(v.cost_usd * kNano),
                     or_null(v.confidence.has_value(), v.confidence.value_or(0))}});
  }

  Result<std::vector<Verdict>> verdicts() const override {
    HEARTH_TRY(const auto rows, database_->read(kVerdicts, {}));
    return verdicts_of(rows);
  }
  Result<std::vector<LedgerTotal>> totals(const std::string& by, WallClock::time_point since) const override;
  Result<std::vector<Spending>> spending(WallClock::time_point since) const override;
  void flush() override { database_->flush(); }

 private:
  struct Begun {
    std::int64_t at_ms;
    std::string principal;
    std::string belongs;
    std::string route;
  };

  static Journal::Entry entry_of(const Outcome& o) {
    return {.number = 0,
            .at_ms = 0,
            .principal = {},
            .belongs = {},
            .route = o.route,
            .ended = true,
            .outcome = outcome_name(o),
            .error = std::string{o.error ? traits(*o.error).name : ""},
            .decision = o.decision,
            .target = o.target,
            .zone = o.zone,
            .prompt_tokens = o.usage.prompt_tokens,
            .completion_tokens = o.usage.completion_tokens,
            .cost_nano = static_cast<std::int64_t>(o.cost_usd * kNano),
            .saved_nano = static_cast<std::int64_t>(o.saved_usd * kNano),
            .duration_us = std::chrono::duration_cast<std::chrono::microseconds>(o.duration).count()};
  }

  /// What a process that was killed had not committed.
  void recover() {
    for (const Journal::Entry& e : journal_->left()) {
      post({.sql = kMissing, .values = {e.number, e.at_ms, e.principal, e.route, e.belongs}});
      if (!e.ended) continue;
      post({.sql = kEnd,
            .values = {e.number, e.outcome, or_null(!e.error.empty(), e.error), e.decision, e.route,
                       or_null(!e.target.empty(), e.target), or_null(!e.zone.empty(), e.zone), Value{}, Value{},
                       Value{}, e.prompt_tokens, Value{}, e.completion_tokens, Value{}, e.cost_nano, e.saved_nano,
                       e.duration_us}});
    }
  }

  /// On `db`, before each new batch: so all of the one before is in the file.
  void hand_over(std::deque<store::Change>& out) {
    const std::lock_guard lock{mutex_};
    for (const std::uint32_t slot : handed_over_) journal_->release(slot);
    handed_over_ = std::exchange(ended_slots_, {});
    for (auto& [number, begun] : begun_) {
      out.push_back({.sql = kBegin,
                     .values = {number, begun.at_ms, std::move(begun.principal), std::move(begun.route),
                                std::move(begun.belongs)}});
    }
    begun_.clear();
    for (store::Change& change : ended_) out.push_back(std::move(change));
    ended_.clear();
  }
  bool has_room() const {
    if (begun_.size() + ended_.size() < kWaitingMax) return true;
    log::error("the ledger's queue is full; a row is lost");
    return false;
  }
  void post(store::Change change) {
    if (!database_->post(std::move(change))) log::error("the ledger's queue is full; a row is lost");
  }

  static constexpr std::size_t kWaitingMax = 1U << 16;
  std::mutex mutex_;
  std::unordered_map<std::int64_t, Begun> begun_;  // and not written yet
  std::vector<store::Change> ended_;
  std::unique_ptr<Journal> journal_;
  std::unordered_map<std::int64_t, std::uint32_t> slots_;  // of the journal, of requests that run
  std::vector<std::uint32_t> ended_slots_;                 // and not handed over yet
  std::vector<std::uint32_t> handed_over_;                 // with the commit that is under way, or was last
  std::atomic<std::int64_t> next_{1};
  std::unique_ptr<store::Database> database_;  // last: its thread uses the others until it is gone
};

Result<std::vector<LedgerTotal>> LedgerImpl::totals(const std::string& by, WallClock::time_point since) const {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kKeys{
      {{"principal", "principal"},
       {"route", "route"},
       {"target", "coalesce(target, '')"},
       {"day", "date(at_ms / 1000, 'unixepoch')"}}};
  const auto* key = std::ranges::find(kKeys, by, &std::pair<std::string_view, std::string_view>::first);
  if (key == kKeys.end()) {
    return fail(ErrorCode::invalid_request, "by must be one of: principal, route, target, day", "by");
  }
  const std::string sql = fmt::format(
      "SELECT {}, count(*), sum(outcome = 'completed'), sum(outcome = 'failed'), sum(outcome = 'cancelled'),"
      " sum(outcome = 'expired'), sum(outcome = 'open'), sum(prompt_tokens), sum(completion_tokens), sum(cost_nano),"
      " sum(saved_nano) FROM requests WHERE at_ms >= ?1 GROUP BY 1 ORDER BY 10 DESC, 2 DESC LIMIT 1000",
      key->second);
  HEARTH_TRY(const auto rows, database_->read(sql, {milliseconds(since)}));
  std::vector<LedgerTotal> totals;
  for (const Row& row : rows) {
    totals.push_back({.key = store::text_of(row[0]),
                      .requests = store::integer_of(row[1]),
                      .completed = store::integer_of(row[2]),
                      .failed = store::integer_of(row[3]),
                      .cancelled = store::integer_of(row[4]),
                      .expired = store::integer_of(row[5]),
                      .open = store::integer_of(row[6]),
                      .prompt_tokens = store::integer_of(row[7]),
                      .completion_tokens = store::integer_of(row[8]),
                      .cost_usd = static_cast<double>(store::integer_of(row[9])) / kNano,
                      .saved_usd = static_cast<double>(store::integer_of(row[10])) / kNano});
  }
  return totals;
}

Result<std::vector<Spending>> LedgerImpl::spending(WallClock::time_point since) const {
  HEARTH_TRY(const auto rows,
             database_->read(
                 "SELECT principal, coalesce(belongs, ''), route, sum(cost_nano) FROM requests WHERE at_ms >= ?1 AND"
                 " cost_nano > 0 GROUP BY 1, 2, 3",
                 {milliseconds(since)}));
  std::vector<Spending> out;
  for (const Row& row : rows) {
    out.push_back({.principal = store::text_of(row[0]),
                   .belongs = store::text_of(row[1]),
                   .route = store::text_of(row[2]),
                   .usd = static_cast<double>(store::integer_of(row[3])) / kNano});
  }
  return out;
}

}  // namespace

Result<std::vector<JudgedConfidence>> Ledger::read_confidences(const std::filesystem::path& file) {
  HEARTH_TRY(const auto rows, store::Database::read_file(file, kConfidences, {}));
  std::vector<JudgedConfidence> out;
  for (const Row& row : rows) {
    const auto* confidence = std::get_if<double>(&row[1]);
    if (confidence != nullptr) {
      out.push_back(
          {.target = store::text_of(row[0]), .confidence = *confidence, .right = store::integer_of(row[2]) != 0});
    }
  }
  return out;
}

Result<std::vector<Verdict>> Ledger::read_verdicts(const std::filesystem::path& file) {
  HEARTH_TRY(const auto rows, store::Database::read_file(file, kVerdicts, {}));
  return verdicts_of(rows);
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& file, WallClock::time_point now) {
  auto ledger = std::make_unique<LedgerImpl>();
  HEARTH_CHECKED(ledger->open(file, now));
  return ledger;
}

}  // namespace hearth::router
