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

Authenticator::Authenticator(std::filesystem::path home)
    : home_{std::move(home)},
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

Result<Caller> Authenticator::identify(std::string_view key, std::string_view address, Clock::time_point now,
                                       WallClock::time_point wall) const {
  if (key.empty()) {
    return fail(
        ErrorCode::unauthenticated,
        "this server wants a key: Authorization: Bearer hth-…; who runs it makes one with `hearth keys create`");
  }
  if (auto caller = ring_.load()->find(key, wall)) return *std::move(caller);
  if (wrong_->note(address, kWrongAMinute, now)) {
    return hearth::fail(Error{.code = ErrorCode::rate_limited,
                              .message = "too many wrong keys from this address; try again in a minute",
                              .param = {},
                              .retry_after = std::chrono::seconds{60}});
  }
  return fail(ErrorCode::unauthenticated, "the key is wrong, revoked or expired");
}

}  // namespace hearth::identity
