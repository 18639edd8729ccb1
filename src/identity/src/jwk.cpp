// SPDX-License-Identifier: Apache-2.0
#include "jwk.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::identity {
namespace {

using Json = nlohmann::json;

struct Free {
  void operator()(OSSL_PARAM_BLD* p) const { OSSL_PARAM_BLD_free(p); }
  void operator()(OSSL_PARAM* p) const { OSSL_PARAM_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Owned<BIGNUM> number_of(std::string_view bytes) {
  return Owned<BIGNUM>{BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr)};
}

std::shared_ptr<EVP_PKEY> key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params{OSSL_PARAM_BLD_to_param(builder)};
  const Owned<EVP_PKEY_CTX> context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> rsa_key(std::string_view modulus, std::string_view exponent) {
  constexpr int kLeastBits = 2048;
  constexpr int kMostBits = 8192;  // larger ones take long to verify
  const Owned<BIGNUM> n = number_of(modulus);
  const Owned<BIGNUM> e = number_of(exponent);
  if (!n || !e || BN_num_bits(n.get()) < kLeastBits || BN_num_bits(n.get()) > kMostBits) return nullptr;
  const Owned<OSSL_PARAM_BLD> builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return key_from("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> ec_key(const std::string& curve, std::string_view x, std::string_view y) {
  const std::size_t size = curve == "P-256" ? 32 : 48;
  if (x.size() != size || y.size() != size) return nullptr;
  std::string point{"\x04"};
  point += x;
  point += y;
  const Owned<OSSL_PARAM_BLD> builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.c_str(), 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return key_from("EC", builder.get());
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<KeySet::Key> key_of(const Json& jwk) {
  if (!jwk.is_object()) return std::nullopt;
  const std::string use = text_of(jwk, "use");
  if (!use.empty() && use != "sig") return std::nullopt;
  const auto bytes = [&](const char* name) { return decode_base64url(text_of(jwk, name)).value_or(""); };
  const std::string type = text_of(jwk, "kty");
  const std::string curve = text_of(jwk, "crv");
  KeySet::Key key{.id = text_of(jwk, "kid"), .algorithm = text_of(jwk, "alg"), .type = curve, .key = nullptr};
  if (type == "RSA") {
    key.type = type;
    key.key = rsa_key(bytes("n"), bytes("e"));
  } else if (type == "EC" && (curve == "P-256" || curve == "P-384")) {
    key.key = ec_key(curve, bytes("x"), bytes("y"));
  } else if (type == "OKP" && curve == "Ed25519") {
    const std::string x = bytes("x");
    key.key = {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()), EVP_PKEY_free};
  }
  ERR_clear_error();
  if (!key.key) return std::nullopt;
  return key;
}

const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm.ends_with("256")) return EVP_sha256();
  return algorithm.ends_with("384") ? EVP_sha384() : EVP_sha512();
}

/// JWS has r and s one after the other (RFC 7518 section 3.4); OpenSSL wants ASN.1.
std::string der_of(std::string_view signature) {
  const std::size_t half = signature.size() / 2;
  const Owned<ECDSA_SIG> pair{ECDSA_SIG_new()};
  ECDSA_SIG_set0(pair.get(), number_of(signature.substr(0, half)).release(),
                 number_of(signature.substr(half)).release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  std::string out{reinterpret_cast<const char*>(der), static_cast<std::size_t>(std::max(size, 0))};
  OPENSSL_free(der);
  return out;
}

}  // namespace

KeySet::KeySet() = default;
KeySet::~KeySet() = default;
std::size_t KeySet::size() const { return keys_.size(); }

Result<std::shared_ptr<const KeySet>> KeySet::parse(std::string_view json) {
  constexpr std::size_t kMostKeys = 64;
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object() || !document.contains("keys") || !document["keys"].is_array()) {
    return fail(ErrorCode::corrupt_data, "the issuer's answer is no JSON Web Key Set");
  }
  std::shared_ptr<KeySet> set{new KeySet};
  for (const Json& jwk : document["keys"]) {
    if (set->keys_.size() >= kMostKeys) break;
    if (auto key = key_of(jwk)) set->keys_.push_back(*std::move(key));
  }
  if (set->keys_.empty()) return fail(ErrorCode::corrupt_data, "the issuer's key set has no key that can be used");
  return std::shared_ptr<const KeySet>{std::move(set)};
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '-') value = 62;
    if (c == '_') value = 63;
    if (value < 0) return std::nullopt;
    bits = ((bits << 6) | static_cast<unsigned>(value)) & 0xFFFFFU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xFFU);
  }
  // One text for one value: bits that are left over are zero, and a single character is none.
  if (text.size() % 4 == 1 || (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return out;
}

bool fits(const KeySet::Key& key, std::string_view algorithm) {
  if (!key.algorithm.empty() && key.algorithm != algorithm) return false;
  if (key.type == "RSA") {
    return algorithm == "RS256" || algorithm == "RS384" || algorithm == "RS512" || algorithm == "PS256" ||
           algorithm == "PS384" || algorithm == "PS512";
  }
  if (key.type == "P-256") return algorithm == "ES256";
  return key.type == "P-384" ? algorithm == "ES384" : algorithm == "EdDSA";
}

bool is_signature(const KeySet::Key& key, std::string_view algorithm, std::string_view message,
                  std::string_view signature) {
  const bool elliptic = algorithm.starts_with("ES");
  if (elliptic && signature.size() != (algorithm == "ES256" ? 64U : 96U)) return false;
  const std::string der = elliptic ? der_of(signature) : std::string{};
  const std::string_view given = elliptic ? std::string_view{der} : signature;
  const Owned<EVP_MD_CTX> context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* options = nullptr;
  const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : digest_of(algorithm);
  bool ready = EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key.key.get()) == 1;
  if (ready && algorithm.starts_with("PS")) {
    ready = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  const bool right =
      ready && EVP_DigestVerify(context.get(), bytes_of(given), given.size(), bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return right;
}

}  // namespace hearth::identity
