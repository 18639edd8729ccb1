// SPDX-License-Identifier: Apache-2.0
#include "hearth/identity/token.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "hearth/base/text.hpp"
#include "jwk.hpp"

namespace hearth::identity {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

const WallClock::time_point kNow{1'800'000'000s};
constexpr std::int64_t kTime = 1'800'000'000;

std::string base64url(std::string_view bytes) {
  std::string out = text::base64_encode(bytes);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

/// Signs with Ed25519; the other algorithms are tested against a real issuer (tests/api/oidc.test.mjs).
struct IssuerOfTest {
  std::shared_ptr<EVP_PKEY> key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free};

  Json jwk(const std::string& id = "k1") const {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"kid", id}, {"x", base64url(raw)}};
  }
  std::string sign(const Json& header, const Json& claims) const {
    const std::string body = base64url(header.dump()) + "." + base64url(claims.dump());
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key.get());
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(body.data()), body.size());
    EVP_MD_CTX_free(context);
    return body + "." + base64url(signature);
  }
};

struct TokenTest : testing::Test {
  IssuerOfTest issuer;
  TokenVerifier verifier{{.url = "https://id.example.org", .audience = "hearth", .admin_roles = {"boss"}}};
  Json header{{"alg", "EdDSA"}, {"kid", "k1"}, {"typ", "JWT"}};
  Json claims{{"iss", "https://id.example.org"},
              {"aud", {"other", "hearth"}},
              {"sub", "nora"},
              {"exp", kTime + 60},
              {"roles", {"clinician", "with space"}},
              {"team", "ward"}};

  TokenTest() { verifier.replace(*KeySet::parse(Json{{"keys", {issuer.jwk()}}}.dump())); }

  std::string refusal() {
    const auto got = verifier.verify(issuer.sign(header, claims), kNow);
    EXPECT_TRUE(got || got.error().code == ErrorCode::unauthenticated);
    return got ? "" : got.error().message;
  }
};

TEST_F(TokenTest, SaysWhoAndWhat) {
  const auto got = verifier.verify(issuer.sign(header, claims), kNow);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->principal->name, "nora");
  EXPECT_EQ(got->principal->team, "ward");
  EXPECT_THAT(got->principal->roles, ElementsAre("clinician"));  // a role must be a name
  EXPECT_EQ(names_of(got->principal->scopes), "inference");
  EXPECT_EQ(got->actor, "");
  claims["roles"] = "boss other";
  claims["act"] = {{"sub", "helper"}};
  const auto boss = verifier.verify(issuer.sign(header, claims), kNow);
  EXPECT_EQ(names_of(boss->principal->scopes), "inference,manage,admin");
  EXPECT_EQ(boss->actor, "helper");
}

TEST_F(TokenTest, IsRefusedForWhatIsWrongWithIt) {
  const Json right = claims;
  const auto with = [&](const char* name, Json value) {
    claims = right;
    claims[name] = std::move(value);
    return refusal();
  };
  EXPECT_THAT(with("iss", "https://id.example.org/"), HasSubstr("another issuer"));
  EXPECT_THAT(with("aud", "hearths"), HasSubstr("somebody else"));
  EXPECT_THAT(with("aud", 7), HasSubstr("somebody else"));
  EXPECT_THAT(with("exp", kTime - 60), HasSubstr("expired"));
  EXPECT_THAT(with("exp", "soon"), HasSubstr("expired"));
  EXPECT_THAT(with("nbf", kTime + 61), HasSubstr("not valid yet"));
  EXPECT_THAT(with("iat", kTime + 61), HasSubstr("not valid yet"));
  EXPECT_THAT(with("sub", "two words"), HasSubstr("no name"));
  EXPECT_THAT(with("act", Json::object()), HasSubstr("actor"));
  EXPECT_EQ(with("exp", kTime - 59), "") << "within the skew of clocks";
  EXPECT_EQ(with("nbf", kTime + 60), "");
  claims = right;
  claims.erase("exp");
  EXPECT_THAT(refusal(), HasSubstr("no time of expiry"));
}

TEST_F(TokenTest, AlgorithmsAreTheKeysToChoose) {
  for (const char* algorithm : {"none", "None", "HS256", "HS512", "RS256", "ES256", ""}) {
    header["alg"] = algorithm;
    EXPECT_THAT(refusal(), HasSubstr("signature is wrong")) << algorithm;
  }
  header["alg"] = "EdDSA";
  header["crit"] = {"b64"};
  EXPECT_THAT(refusal(), HasSubstr("extensions"));
  header.erase("crit");
  header["typ"] = "logout+jwt";
  EXPECT_THAT(refusal(), HasSubstr("something else"));
}

TEST_F(TokenTest, ASignatureOfAnotherKeyOrNoneIsNoSignature) {
  IssuerOfTest stranger;
  EXPECT_THAT(verifier.verify(stranger.sign(header, claims), kNow).error().message, HasSubstr("signature is wrong"));
  std::string token = issuer.sign(header, claims);
  const std::string unsigned_token = token.substr(0, token.rfind('.') + 1);
  EXPECT_THAT(verifier.verify(unsigned_token, kNow).error().message, HasSubstr("signature is wrong"));
  // Each bit counts, of the last character those that mean something.
  for (std::size_t i = token.find('.') + 1; i + 1 < token.size(); i += 7) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed != token) EXPECT_FALSE(verifier.verify(changed, kNow)) << i;
  }
}

TEST_F(TokenTest, AnUnknownKeyAsksForANewerSet) {
  EXPECT_FALSE(verifier.wants_keys());
  header["kid"] = "k2";
  EXPECT_THAT(refusal(), HasSubstr("not published"));
  EXPECT_TRUE(verifier.wants_keys());
  verifier.replace(*KeySet::parse(Json{{"keys", {issuer.jwk("k1"), issuer.jwk("k2")}}}.dump()));
  EXPECT_EQ(refusal(), "");
  EXPECT_FALSE(verifier.wants_keys());
}

TEST(Tokens, WithoutKeysTheServerIsToBlame) {
  const TokenVerifier verifier{{.url = "x", .audience = "y"}};
  const IssuerOfTest issuer;
  const auto got = verifier.verify(issuer.sign({{"alg", "EdDSA"}}, Json::object()), kNow);
  EXPECT_EQ(got.error().code, ErrorCode::unavailable);
}

TEST(Tokens, RubbishIsRefused) {
  const TokenVerifier verifier{{.url = "x", .audience = "y"}};
  for (const std::string& text : {std::string{}, std::string{"eyJ.."}, std::string{"eyJ.a"}, std::string{"hth-a.b.c"},
                                  "eyJ" + std::string(20'000, 'x') + "..", std::string{"eyJ{}.!!.\xff"}}) {
    EXPECT_FALSE(verifier.verify(text, kNow)) << text.substr(0, 20);
  }
}

TEST(KeySets, LeaveOutWhatIsTooWeakOrForSomethingElse) {
  const IssuerOfTest issuer;
  Json other_use = issuer.jwk();
  other_use["use"] = "enc";
  const Json small{{"kty", "RSA"}, {"n", base64url(std::string(128, '\xff'))}, {"e", "AQAB"}};
  const Json shared{{"kty", "oct"}, {"k", "c2VjcmV0"}};
  EXPECT_FALSE(KeySet::parse(Json{{"keys", {other_use, small, shared, 7}}}.dump()));
  EXPECT_EQ((*KeySet::parse(Json{{"keys", {other_use, issuer.jwk()}}}.dump()))->size(), 1U);
  EXPECT_FALSE(KeySet::parse("[]"));
  EXPECT_FALSE(KeySet::parse("{"));
}

TEST(Base64url, HasOneTextForOneValue) {
  EXPECT_EQ(decode_base64url("aGk"), "hi");
  EXPECT_EQ(decode_base64url(""), "");
  EXPECT_FALSE(decode_base64url("aGl"));  // bits left over
  EXPECT_FALSE(decode_base64url("aGk="));
  EXPECT_FALSE(decode_base64url("a"));
  EXPECT_FALSE(decode_base64url("a+b/"));
}

}  // namespace
}  // namespace hearth::identity
