// SPDX-License-Identifier: Apache-2.0
#include "hearth/identity/key_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hearth/store/database.hpp"
#include "key_format.hpp"

namespace hearth::identity {
namespace {

using store::Row;
using store::Value;

const std::vector<std::string> kMigrations{
    "CREATE TABLE keys (id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,"
    " on_behalf_of TEXT NOT NULL, team TEXT NOT NULL, tenant TEXT NOT NULL, roles TEXT NOT NULL, models TEXT NOT NULL,"
    " scopes TEXT NOT NULL, label TEXT NOT NULL, requests_per_minute INTEGER NOT NULL,"
    " tokens_per_minute INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER, revoked_ms INTEGER)"
    " WITHOUT ROWID",
};
constexpr std::string_view kInsert =
    "INSERT INTO keys (id, hash, name, kind, on_behalf_of, team, tenant, roles, models, scopes, label,"
    " requests_per_minute, tokens_per_minute, created_ms, expires_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
constexpr std::string_view kRevoke = "UPDATE keys SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL";
constexpr std::string_view kExpire =
    "UPDATE keys SET expires_ms = ?2 WHERE id = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)";
constexpr const char* kAll =
    "SELECT id, hash, name, kind, on_behalf_of, team, tenant, roles, models, scopes, label, requests_per_minute,"
    " tokens_per_minute, created_ms, expires_ms, revoked_ms FROM keys ORDER BY created_ms, id";

std::filesystem::path file_of(const std::filesystem::path& home) { return home / "keys.db"; }

std::int64_t milliseconds(WallClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
WallClock::time_point time_of(std::int64_t ms) { return WallClock::time_point{std::chrono::milliseconds{ms}}; }

std::optional<WallClock::time_point> time(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
  return time_of(store::integer_of(value));
}

/// Names hold no spaces.
std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, " ")); }
std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(' ', at), names.size());
    out.push_back(names.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

Result<KeyRecord> record_of(const Row& row) {
  KeyRecord record{.id = store::text_of(row[0]),
                   .hash = store::text_of(row[1]),
                   .principal = {},
                   .created = time_of(store::integer_of(row[13]))};
  Principal& who = record.principal;
  who.name = store::text_of(row[2]);
  HEARTH_TRY(who.kind, parse_kind(store::text_of(row[3])));
  who.on_behalf_of = store::text_of(row[4]);
  who.team = store::text_of(row[5]);
  who.tenant = store::text_of(row[6]);
  who.roles = split(store::text_of(row[7]));
  who.models = split(store::text_of(row[8]));
  HEARTH_TRY(who.scopes, parse_scopes(store::text_of(row[9])));
  who.label = store::text_of(row[10]);
  who.requests_per_minute = store::integer_of(row[11]);
  who.tokens_per_minute = store::integer_of(row[12]);
  record.expires = time(row[14]);
  record.revoked = time(row[15]);
  return record;
}

Result<KeyRecord> find(const std::filesystem::path& home, const std::string& id) {
  HEARTH_TRY(const std::vector<KeyRecord> records, read_keys(home));
  const auto found = std::ranges::find(records, id, &KeyRecord::id);
  if (found != records.end()) return *found;
  return fail(ErrorCode::not_found, fmt::format("there is no key {}; `hearth keys list` shows all", id));
}

}  // namespace

KeyStore::KeyStore(std::filesystem::path home, std::unique_ptr<store::Database> database)
    : home_{std::move(home)}, database_{std::move(database)} {}
KeyStore::~KeyStore() = default;
KeyStore::KeyStore(KeyStore&&) noexcept = default;
KeyStore& KeyStore::operator=(KeyStore&&) noexcept = default;

Result<KeyStore> KeyStore::open(const std::filesystem::path& home) {
  std::error_code ignored;
  std::filesystem::create_directories(home, ignored);
  HEARTH_TRY(
      auto database,
      store::Database::open(
          {.file = file_of(home), .migrations = kMigrations, .gather = std::chrono::milliseconds{0}, .collect = {}}));
  return KeyStore{home, std::move(database)};
}

Result<> KeyStore::flush() const {
  if (database_->flush()) return {};
  return fail(ErrorCode::internal, fmt::format("{} could not be written; the log says why", file_of(home_).string()));
}

Result<NewKey> KeyStore::create(const Principal& principal, std::optional<WallClock::time_point> expires,
                                WallClock::time_point now) {
  HEARTH_CHECKED(check(principal));
  if (expires && *expires <= now) return fail(ErrorCode::invalid_request, "the key would have expired", "expires");
  HEARTH_TRY(const Secret pepper, pepper_of(home_, true));
  HEARTH_TRY(const std::string id, random_base32(kIdSize));
  HEARTH_TRY(const std::string secret, random_base32(kSecretSize));
  NewKey made{.id = id, .key = Secret{key_of(id, secret)}};
  database_->post(
      {.sql = kInsert,
       .values = {id, to_hex(hash_of(pepper, made.key.reveal())), principal.name, std::string{name_of(principal.kind)},
                  principal.on_behalf_of, principal.team, principal.tenant, joined(principal.roles),
                  joined(principal.models), names_of(principal.scopes), principal.label, principal.requests_per_minute,
                  principal.tokens_per_minute, milliseconds(now), expires ? Value{milliseconds(*expires)} : Value{}}});
  HEARTH_CHECKED(flush());
  return made;
}

Result<> KeyStore::revoke(const std::string& id, WallClock::time_point now) {
  HEARTH_CHECKED(find(home_, id));
  database_->post({.sql = kRevoke, .values = {id, milliseconds(now)}});
  return flush();
}

Result<NewKey> KeyStore::rotate(const std::string& id, std::chrono::seconds overlap, WallClock::time_point now) {
  HEARTH_TRY(const KeyRecord old, find(home_, id));
  if (!old.is_live(now)) {
    return fail(ErrorCode::conflict, fmt::format("key {} is revoked or expired; make a new one", id));
  }
  HEARTH_TRY(NewKey made, create(old.principal, old.expires, now));
  database_->post({.sql = kExpire, .values = {id, milliseconds(now + overlap)}});
  HEARTH_CHECKED(flush());
  return made;
}

Result<std::vector<KeyRecord>> read_keys(const std::filesystem::path& home) {
  const auto rows = store::Database::read_file(file_of(home), kAll, {});
  if (!rows && rows.error().code == ErrorCode::not_found) return std::vector<KeyRecord>{};
  if (!rows) return fail(rows.error());
  std::vector<KeyRecord> out;
  out.reserve(rows->size());
  for (const Row& row : *rows) {
    HEARTH_TRY(KeyRecord record, record_of(row));
    out.push_back(std::move(record));
  }
  return out;
}

}  // namespace hearth::identity
