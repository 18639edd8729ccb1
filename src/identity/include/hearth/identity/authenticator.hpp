// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "hearth/base/clock.hpp"
#include "hearth/identity/principal.hpp"
#include "hearth/identity/token.hpp"

namespace hearth::identity {

class Meters;
class KeyRing;
class WrongKeys;

/// Who asked: the principal, and behind an agent the one it acts for. Cheap to copy.
struct Caller {
  PrincipalPtr principal;
  PrincipalPtr behalf;  // null: nobody stands behind it
  std::shared_ptr<Meters> meters;
  std::shared_ptr<Meters> behalf_meters;

  /// Both must have it.
  bool may(Scope scope) const;
  /// One more request. rate_limited with the time to wait when either is over its limit.
  Result<> admit(Clock::time_point now) const;
  /// What the answer took, of both.
  void spent(std::int64_t tokens, Clock::time_point now) const;
};

/// What a request brings to prove who sent it.
struct Credentials {
  std::string_view key;          // a key, or a token; empty: none
  std::string_view certificate;  // the verified name of the client's certificate; empty: none
  std::string_view address;
};

/// Keys, tokens and certificates to callers. Any thread; the keys are an immutable snapshot, swapped whole.
class Authenticator {
 public:
  /// `tokens`: null: none are taken.
  explicit Authenticator(std::filesystem::path home, std::shared_ptr<const TokenVerifier> tokens = nullptr);
  ~Authenticator();

  /// Reads the keys if they have changed. Blocks on files. On an error the old ones stay.
  Result<> refresh();
  bool has_live_key(WallClock::time_point now) const;

  /// A key or token counts before a certificate. `unauthenticated` without any or with a key that is wrong, revoked or
  /// expired: it is not said which. After kWrongAMinute wrong ones from one address further ones are rate_limited;
  /// right ones never are for that. A certificate has the rights that the live keys of its name have, and none without
  /// them.
  Result<Caller> identify(const Credentials& credentials, Clock::time_point now, WallClock::time_point wall) const;
  static constexpr int kWrongAMinute = 30;

 private:
  struct Stamp;
  Result<Caller> bearer_of(std::string_view token, WallClock::time_point wall) const;
  Result<Caller> wrong(Error error, std::string_view address, Clock::time_point now) const;

  const std::filesystem::path home_;
  const std::shared_ptr<const TokenVerifier> tokens_;
  std::atomic<std::shared_ptr<const KeyRing>> ring_;
  std::unique_ptr<Stamp> stamp_;
  std::unique_ptr<WrongKeys> wrong_;
};

}  // namespace hearth::identity
