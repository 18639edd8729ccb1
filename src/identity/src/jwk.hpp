// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/identity/token.hpp"

namespace hearth::identity {

struct KeySet::Key {
  std::string id;         // `kid`; empty: has none
  std::string algorithm;  // `alg`; empty: any that fits the key
  std::string type;       // "RSA", "P-256", "P-384", "Ed25519"
  std::shared_ptr<EVP_PKEY> key;
};

/// Base64url without padding (RFC 4648 section 5); nullopt for anything else.
std::optional<std::string> decode_base64url(std::string_view text);

/// May this key make signatures of this algorithm (RFC 7518 section 3.1)? A key's kind decides, never the token: an RSA
/// key is no shared secret.
bool fits(const KeySet::Key& key, std::string_view algorithm);
bool is_signature(const KeySet::Key& key, std::string_view algorithm, std::string_view message,
                  std::string_view signature);

}  // namespace hearth::identity
