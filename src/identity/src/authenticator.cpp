// SPDX-License-Identifier: Apache-2.0
#include "hearth/identity/authenticator.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "hearth/identity/key_store.hpp"
#include "key_format.hpp"
#include "key_ring.hpp"
#include "throttle.hpp"

namespace hearth::identity {
namespace {

std::chrono::seconds rounded_up(std::chrono::nanoseconds wait) {
  return std::chrono::duration_cast<std::chrono::seconds>(wait) + std::chrono::seconds{1};
}

std::unexpected<Error> over(std::string_view what, const Principal& who, std::int64_t limit,
                            std::chrono::nanoseconds wait) {
  const auto seconds = rounded_up(wait);
  return hearth::fail(Error{.code = ErrorCode::rate_limited,
                            .message = fmt::format("{} is over its limit of {} {} a minute; try again in {} s",
                                                   who.name, limit, what, seconds.count()),
                            .param = {},
                            .retry_after = seconds});
}

}  // namespace

/// When and how large the files were when they were read last.
struct Authenticator::Stamp {
  using One = std::pair<std::filesystem::file_time_type, std::uintmax_t>;
  std::array<One, 3> files{};

  static Stamp of(const std::filesystem::path& home) {
    Stamp stamp;
    std::size_t i = 0;
    for (const char* name : {"keys.db", "keys.db-wal", "keys.secret"}) {
      std::error_code missing;
      One& one = stamp.files[i++];
      one.first = std::filesystem::last_write_time(home / name, missing);
      if (missing) one.first = {};
      one.second = std::filesystem::file_size(home / name, missing);
    }
    return stamp;
  }
};

bool Caller::may(Scope scope) const {
  const auto wanted = static_cast<Scopes>(scope);
  return (principal->scopes & wanted) != 0 && (behalf == nullptr || (behalf->scopes & wanted) != 0);
}

Result<> Caller::admit(Clock::time_point now) const {
  // Tokens are known only afterwards: who is over its limit waits until that is earned back.
  if (const auto wait = meters->tokens.wait(now))
    return over("tokens", *principal, principal->tokens_per_minute, *wait);
  if (behalf != nullptr) {
    if (const auto wait = behalf_meters->tokens.wait(now)) {
      return over("tokens", *behalf, behalf->tokens_per_minute, *wait);
    }
    if (const auto wait = behalf_meters->requests.take(now)) {
      return over("requests", *behalf, behalf->requests_per_minute, *wait);
    }
  }
  if (const auto wait = meters->requests.take(now)) {
    return over("requests", *principal, principal->requests_per_minute, *wait);
  }
  return {};
}

void Caller::spent(std::int64_t tokens, Clock::time_point now) const {
  meters->tokens.charge(tokens, now);
  if (behalf_meters) behalf_meters->tokens.charge(tokens, now);
}

Authenticator::Authenticator(std::filesystem::path home, std::shared_ptr<const TokenVerifier> tokens)
    : home_{std::move(home)},
      tokens_{std::move(tokens)},
      ring_{std::make_shared<const KeyRing>(std::vector<KeyRecord>{}, Secret{}, nullptr)},
      stamp_{std::make_unique<Stamp>()},
      wrong_{std::make_unique<WrongKeys>()} {}
Authenticator::~Authenticator() = default;

Result<> Authenticator::refresh() {
  const Stamp now = Stamp::of(home_);
  if (now.files == stamp_->files) return {};
  HEARTH_TRY(std::vector<KeyRecord> records, read_keys(home_));
  Secret pepper;
  if (!records.empty()) {
    HEARTH_TRY(pepper, pepper_of(home_, false));
  }
  const auto old = ring_.load();
  ring_ = std::make_shared<const KeyRing>(std::move(records), std::move(pepper), old.get());
  *stamp_ = now;
  return {};
}

bool Authenticator::has_live_key(WallClock::time_point now) const { return ring_.load()->has_live_key(now); }

Result<Caller> Authenticator::wrong(Error error, std::string_view address, Clock::time_point now) const {
  if (error.code != ErrorCode::unauthenticated || !wrong_->note(address, kWrongAMinute, now)) {
    return hearth::fail(std::move(error));
  }
  return hearth::fail(Error{.code = ErrorCode::rate_limited,
                            .message = "too many wrong keys from this address; try again in a minute",
                            .param = {},
                            .retry_after = std::chrono::seconds{60}});
}

/// A token's bearer has the limits of a key of the same name, if there is one; an agent must have a key to be known.
Result<Caller> Authenticator::bearer_of(std::string_view token, WallClock::time_point wall) const {
  HEARTH_TRY(TokenBearer bearer, tokens_->verify(token, wall));
  const auto ring = ring_.load();
  const auto meters_of = [&](const std::string& name) {
    const auto known = ring->find_named(name, wall);
    return known ? known->meters : std::make_shared<Meters>(0, 0);
  };
  Caller caller{.principal = bearer.principal,
                .behalf = nullptr,
                .meters = meters_of(bearer.principal->name),
                .behalf_meters = nullptr};
  if (bearer.actor.empty()) return caller;
  auto actor = ring->find_named(bearer.actor, wall);
  if (!actor) {
    return fail(
        ErrorCode::unauthenticated,
        fmt::format("the token is not accepted: nobody here knows the agent {}; who runs this server makes a key "
                    "for it, whose rights it then has",
                    bearer.actor));
  }
  if (actor->behalf && actor->behalf->name != caller.principal->name) {
    return fail(ErrorCode::unauthenticated,
                fmt::format("the token is not accepted: {} acts for {} alone", bearer.actor, actor->behalf->name));
  }
  actor->behalf = std::exchange(caller.principal, nullptr);
  actor->behalf_meters = std::exchange(caller.meters, nullptr);
  return *std::move(actor);
}

Result<Caller> Authenticator::identify(const Credentials& credentials, Clock::time_point now,
                                       WallClock::time_point wall) const {
  const auto& [key, certificate, address] = credentials;
  if (tokens_ && TokenVerifier::is_token(key)) {
    auto caller = bearer_of(key, wall);
    return caller ? std::move(caller) : wrong(std::move(caller).error(), address, now);
  }
  if (key.empty() && !certificate.empty()) {
    if (auto caller = ring_.load()->find_named(std::string{certificate}, wall)) return *std::move(caller);
    return fail(
        ErrorCode::unauthenticated,
        fmt::format("the certificate of {} is good, but nobody of that name is known here; who runs this server "
                    "makes a key for it, whose rights it then has",
                    certificate));
  }
  if (key.empty()) {
    return fail(
        ErrorCode::unauthenticated,
        "this server wants a key: Authorization: Bearer hth-…; who runs it makes one with `hearth keys create`");
  }
  if (auto caller = ring_.load()->find(key, wall)) return *std::move(caller);
  return wrong(Error{.code = ErrorCode::unauthenticated,
                     .message = "the key is wrong, revoked or expired",
                     .param = {},
                     .retry_after = {}},
               address, now);
}

}  // namespace hearth::identity
