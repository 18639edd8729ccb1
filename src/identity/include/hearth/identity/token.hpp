// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/identity/principal.hpp"

/// OpenID Connect bearer tokens: JSON Web Tokens (RFC 7519, RFC 8725) of one issuer. Pure but for the set of keys,
/// which is swapped whole.
namespace hearth::identity {

/// Whose tokens are believed, and what their claims mean.
struct Issuer {
  std::string url;       // `iss`, to the letter
  std::string audience;  // one of `aud`
  std::string keys_url;  // of the JSON Web Key Set; empty: what the issuer's discovery document says
  std::string ca_file;   // further certificates to trust when fetching them
  std::string name_claim = "sub";
  std::string roles_claim = "roles";  // dots lead into objects: realm_access.roles
  std::string team_claim = "team";
  std::string tenant_claim = "tenant";
  std::vector<std::string> admin_roles;   // whoever has one may do everything
  std::vector<std::string> manage_roles;  // may pull, create and delete models

  bool operator==(const Issuer&) const = default;
};

/// The public keys that an issuer signs with (RFC 7517): RSA of at least 2048 bits, EC on P-256 and P-384, Ed25519.
/// Immutable.
class KeySet {
 public:
  struct Key;
  /// corrupt_data when it is no key set. Keys of other kinds and other uses are left out.
  static Result<std::shared_ptr<const KeySet>> parse(std::string_view json);
  ~KeySet();
  std::size_t size() const;

 private:
  friend class TokenVerifier;
  KeySet();
  std::vector<Key> keys_;
};

/// What a token says.
struct TokenBearer {
  PrincipalPtr principal;
  std::string actor;  // who acts for the principal (RFC 8693, `act`); empty: itself
};

class TokenVerifier {
 public:
  static constexpr std::chrono::seconds kSkew{60};         // between the issuer's clock and ours
  static constexpr std::size_t kLongestToken = 16 * 1024;  // bytes

  explicit TokenVerifier(Issuer issuer) : issuer_{std::move(issuer)} {}
  const Issuer& issuer() const { return issuer_; }

  /// Could this be a token, rather than a key?
  static bool is_token(std::string_view text);
  /// unauthenticated says what is wrong: the signature, the issuer, the audience, the time, an algorithm that is not
  /// allowed (`none` and those with a shared secret never are), a name that is none.
  Result<TokenBearer> verify(std::string_view token, WallClock::time_point now) const;

  void replace(std::shared_ptr<const KeySet> keys) {
    keys_.store(std::move(keys));
    wants_keys_.store(false);
  }
  bool has_keys() const { return keys_.load() != nullptr; }
  /// A token named a key that is not in the set: perhaps there is a newer set.
  bool wants_keys() const { return wants_keys_.load(); }

 private:
  Result<> check_signature(std::string_view header, std::string_view signed_part, std::string_view signature) const;

  Issuer issuer_;
  std::atomic<std::shared_ptr<const KeySet>> keys_;
  mutable std::atomic<bool> wants_keys_{false};
};

}  // namespace hearth::identity
