// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/identity/key_store.hpp"
#include "hearth/policy/policy.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

using identity::KeyRecord;
using identity::KeyStore;

/// What the command line says of a new key.
struct Wanted {
  identity::Principal principal;
  std::string kind = "user";
  std::string scopes = "inference";
  std::string expires;
  bool json = false;
};

/// "90s", "15m", "24h", "30d".
Result<std::chrono::seconds> parse_span(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  constexpr std::int64_t kMost = 100'000;
  if (error == std::errc{} && number >= 0 && number <= kMost) {
    if (unit == "s") return std::chrono::seconds{number};
    if (unit == "m") return std::chrono::minutes{number};
    if (unit == "h") return std::chrono::hours{number};
    if (unit == "d") return std::chrono::days{number};
  }
  return fail(ErrorCode::invalid_request, fmt::format("\"{}\" is no span of time; such as 90s, 15m, 24h or 30d", text));
}

std::string day_of(std::optional<WallClock::time_point> time) {
  if (!time) return "-";
  const std::time_t seconds = WallClock::to_time_t(*time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min);
}

void show(const identity::NewKey& made, bool json) {
  if (json) {
    std::printf("%s\n", nlohmann::json{{"id", made.id}, {"key", made.key.reveal()}}.dump().c_str());
    return;
  }
  std::printf("%s\n", made.key.reveal().c_str());
  std::fprintf(stderr, "This is the only time the key is shown. Its id, for revoke and rotate: %s\n", made.id.c_str());
}

Result<> create(const Globals& globals, Wanted wanted) {
  HEARTH_TRY(wanted.principal.kind, identity::parse_kind(wanted.kind));
  HEARTH_TRY(wanted.principal.scopes, identity::parse_scopes(wanted.scopes));
  if (!wanted.principal.label.empty()) HEARTH_CHECKED(policy::parse_label(wanted.principal.label));
  std::optional<WallClock::time_point> expires;
  if (!wanted.expires.empty()) {
    HEARTH_TRY(const auto span, parse_span(wanted.expires));
    expires = WallClock::now() + span;
  }
  HEARTH_TRY(KeyStore store, KeyStore::open(globals.config().home));
  HEARTH_TRY(const identity::NewKey made, store.create(wanted.principal, expires, WallClock::now()));
  show(made, wanted.json);
  return {};
}

std::string state_of(const KeyRecord& record) {
  if (record.revoked) return "revoked";
  return record.is_live(WallClock::now()) ? "live" : "expired";
}

std::string who(const identity::Principal& principal) {
  return principal.on_behalf_of.empty() ? principal.name
                                        : fmt::format("{} for {}", principal.name, principal.on_behalf_of);
}

nlohmann::json json_of(const KeyRecord& record) {
  const identity::Principal& p = record.principal;
  nlohmann::json out{{"id", record.id},
                     {"state", state_of(record)},
                     {"name", p.name},
                     {"kind", identity::name_of(p.kind)},
                     {"roles", p.roles},
                     {"models", p.models},
                     {"scopes", identity::names_of(p.scopes)},
                     {"created", day_of(record.created)},
                     {"expires", record.expires ? nlohmann::json(day_of(record.expires)) : nlohmann::json(nullptr)}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("on_behalf_of", p.on_behalf_of);
  add("team", p.team);
  add("tenant", p.tenant);
  add("label", p.label);
  if (p.requests_per_minute > 0) out["requests_per_minute"] = p.requests_per_minute;
  if (p.tokens_per_minute > 0) out["tokens_per_minute"] = p.tokens_per_minute;
  return out;
}

Result<> list(const Globals& globals, bool json) {
  HEARTH_TRY(const auto records, identity::read_keys(globals.config().home));
  if (json) {
    nlohmann::json out = nlohmann::json::array();
    for (const KeyRecord& record : records) out.push_back(json_of(record));
    std::printf("%s\n", out.dump().c_str());
    return {};
  }
  std::vector<std::vector<std::string>> rows{
      {"ID", "NAME", "KIND", "TEAM", "ROLES", "MODELS", "SCOPES", "EXPIRES", "STATE"}};
  for (const KeyRecord& record : records) {
    const identity::Principal& p = record.principal;
    rows.push_back({record.id, who(p), std::string{identity::name_of(p.kind)}, p.team.empty() ? "-" : p.team,
                    p.roles.empty() ? "-" : fmt::format("{}", fmt::join(p.roles, ",")),
                    p.models.empty() ? "all" : fmt::format("{}", fmt::join(p.models, ",")),
                    identity::names_of(p.scopes), day_of(record.expires), state_of(record)});
  }
  std::fputs(format_table(rows).c_str(), stdout);
  return {};
}

Result<> revoke(const Globals& globals, const std::string& id) {
  HEARTH_TRY(KeyStore store, KeyStore::open(globals.config().home));
  return store.revoke(id, WallClock::now());
}

Result<> rotate(const Globals& globals, const std::string& id, const std::string& overlap, bool json) {
  HEARTH_TRY(const auto span, parse_span(overlap));
  HEARTH_TRY(KeyStore store, KeyStore::open(globals.config().home));
  HEARTH_TRY(const identity::NewKey made, store.rotate(id, span, WallClock::now()));
  show(made, json);
  return {};
}

void add_create_key(CLI::App& keys, const Globals& globals, Action& action) {
  CLI::App* command = keys.add_subcommand("create", "Make a key; it is shown once");
  auto wanted = std::make_shared<Wanted>();
  identity::Principal& who = wanted->principal;
  command->add_option("NAME", who.name, "The principal: alice, billing-service")->required();
  command->add_option("--kind", wanted->kind, "user, service or agent");
  command->add_option("--on-behalf-of", who.on_behalf_of,
                      "The principal that an agent acts for: it has no more rights");
  command->add_option("--team", who.team, "Rules and budgets say team:NAME");
  command->add_option("--tenant", who.tenant, "The organisation it belongs to");
  command->add_option("--role", who.roles, "Rules say role:NAME; more than one with commas")->delimiter(',');
  command->add_option("--model", who.models, "Targets or routes it may use, with * and ?; none: all")->delimiter(',');
  command->add_option("--scopes", wanted->scopes, "inference, manage, admin; more than one with commas");
  command->add_option("--label", who.label, "The least label of what it sends");
  command->add_option("--requests-per-minute", who.requests_per_minute, "0: no limit");
  command->add_option("--tokens-per-minute", who.tokens_per_minute, "Of prompts and answers; 0: no limit");
  command->add_option("--expires", wanted->expires, "In 90s, 15m, 24h, 30d; without it: never");
  command->add_flag("--json", wanted->json, "As JSON");
  const auto chosen = [&globals, &action, wanted] { action = [&globals, wanted] { return create(globals, *wanted); }; };
  command->callback(chosen);
}

}  // namespace

void add_keys(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* keys = app.add_subcommand("keys", "Make, list, revoke and rotate the keys of a server's home");
  keys->require_subcommand(1);
  add_create_key(*keys, globals, action);

  struct Choice {
    std::string id;
    std::string overlap = "0s";
    bool json = false;
  };
  auto choice = std::make_shared<Choice>();
  CLI::App* listed = keys->add_subcommand("list", "All keys, without what proves them");
  listed->add_flag("--json", choice->json, "As JSON");
  listed->callback(
      [&globals, &action, choice] { action = [&globals, choice] { return list(globals, choice->json); }; });

  CLI::App* revoked = keys->add_subcommand("revoke", "From now on the key is wrong");
  revoked->add_option("ID", choice->id, "As `hearth keys list` shows it")->required();
  revoked->callback(
      [&globals, &action, choice] { action = [&globals, choice] { return revoke(globals, choice->id); }; });

  CLI::App* rotated = keys->add_subcommand("rotate", "A new key with the same rights in the place of an old one");
  rotated->add_option("ID", choice->id, "As `hearth keys list` shows it")->required();
  rotated->add_option("--overlap", choice->overlap, "How long the old one works yet: 24h");
  rotated->add_flag("--json", choice->json, "As JSON");
  const auto rotate_chosen = [&globals, &action, choice] {
    action = [&globals, choice] { return rotate(globals, choice->id, choice->overlap, choice->json); };
  };
  rotated->callback(rotate_chosen);
}

}  // namespace hearth::cli
