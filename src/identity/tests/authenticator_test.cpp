// SPDX-License-Identifier: Apache-2.0
// Keys to callers, their limits, and what wrong keys come to. Time is passed in.
#include "hearth/identity/authenticator.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "hearth/base/id.hpp"
#include "hearth/identity/key_store.hpp"
#include "key_format.hpp"
#include "key_ring.hpp"
#include "throttle.hpp"

namespace hearth::identity {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const WallClock::time_point kWall{std::chrono::hours{500'000}};
const Clock::time_point kNow{std::chrono::hours{1'000}};

struct AuthenticatorTest : ::testing::Test {
  std::filesystem::path home = std::filesystem::temp_directory_path() / random_id("hearth-auth-");
  AuthenticatorTest() { std::filesystem::create_directories(home); }
  ~AuthenticatorTest() override { std::filesystem::remove_all(home); }

  NewKey make(const Principal& who, std::optional<WallClock::time_point> expires = {}) const {
    return KeyStore::open(home)->create(who, expires, kWall).value();
  }
  static Result<Caller> ask(const Authenticator& by, const std::string& key, WallClock::time_point wall = kWall) {
    return by.identify({.key = key, .certificate = {}, .address = "10.0.0.1"}, kNow, wall);
  }
};

TEST_F(AuthenticatorTest, OnlyTheWholeLiveKeyIsRight) {
  const NewKey key = make({.name = "alice"}, kWall + 1h);
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  const std::string right = key.key.reveal();
  EXPECT_EQ(ask(auth, right)->principal->name, "alice");
  EXPECT_EQ(ask(auth, right, kWall + 1h).error().code, ErrorCode::unauthenticated) << "expired";
  EXPECT_THAT(ask(auth, "").error().message, HasSubstr("hearth keys create"));
  std::string other_end = right;
  other_end.back() = right.back() == 'a' ? 'b' : 'a';
  std::string other_id = right;
  other_id[5] = right[5] == 'a' ? 'b' : 'a';
  for (const std::string& wrong :
       {other_end, other_id, right.substr(1), right + "a", std::string(1'000'000, 'a'), std::string("hth-"),
        std::string(61, '\0'), std::string("hth-A") + right.substr(5)}) {
    const auto got = ask(auth, wrong);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::unauthenticated);
    EXPECT_EQ(got.error().message, "the key is wrong, revoked or expired") << "it is not said which";
  }
}

TEST_F(AuthenticatorTest, ChangesAreSeenAndASecretThatIsGoneIsAnError) {
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  EXPECT_FALSE(auth.has_live_key(kWall));
  const NewKey key = make({.name = "a"});
  EXPECT_FALSE(ask(auth, key.key.reveal())) << "not yet";
  ASSERT_TRUE(auth.refresh());
  EXPECT_TRUE(ask(auth, key.key.reveal()));
  ASSERT_TRUE(KeyStore::open(home)->revoke(key.id, kWall));
  ASSERT_TRUE(auth.refresh());
  EXPECT_FALSE(ask(auth, key.key.reveal()));
  EXPECT_FALSE(auth.has_live_key(kWall));
  std::filesystem::remove(home / "keys.secret");
  EXPECT_EQ(auth.refresh().error().code, ErrorCode::corrupt_data);
}

TEST_F(AuthenticatorTest, AnAgentHasNoRightThatItsPrincipalLacks) {
  Principal bob{.name = "bob", .scopes = parse_scopes("inference").value()};
  const NewKey users = make(bob);
  const NewKey agents = make({.name = "helper",
                              .kind = Kind::agent,
                              .on_behalf_of = "bob",
                              .scopes = parse_scopes("inference,admin").value()});
  const NewKey nested = make({.name = "nested", .kind = Kind::agent, .on_behalf_of = "helper"});
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  const Caller caller = ask(auth, agents.key.reveal()).value();
  EXPECT_EQ(caller.behalf->name, "bob");
  EXPECT_TRUE(caller.may(Scope::inference));
  EXPECT_FALSE(caller.may(Scope::admin));
  EXPECT_FALSE(ask(auth, nested.key.reveal())) << "an agent of an agent";
  ASSERT_TRUE(KeyStore::open(home)->revoke(users.id, kWall));
  ASSERT_TRUE(auth.refresh());
  EXPECT_FALSE(ask(auth, agents.key.reveal())) << "nobody stands behind it any more";
}

TEST_F(AuthenticatorTest, LimitsAreOfThePrincipalAndOutliveReloads) {
  Principal who{.name = "a"};
  who.requests_per_minute = 3;
  const NewKey first = make(who);
  const NewKey second = make(who);
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  const Caller caller = ask(auth, first.key.reveal()).value();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(caller.admit(kNow));
  (void)make({.name = "other"});
  ASSERT_TRUE(auth.refresh());
  const auto over = ask(auth, second.key.reveal())->admit(kNow);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::rate_limited);
  EXPECT_GE(over.error().retry_after.value(), 20s);
  EXPECT_TRUE(ask(auth, second.key.reveal())->admit(kNow + 21s));
}

TEST_F(AuthenticatorTest, AnAgentsRequestsCountForItsPrincipalToo) {
  Principal bob{.name = "bob"};
  bob.tokens_per_minute = 100;
  (void)make(bob);
  const NewKey agents = make({.name = "helper", .kind = Kind::agent, .on_behalf_of = "bob"});
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  const Caller caller = ask(auth, agents.key.reveal()).value();
  EXPECT_TRUE(caller.admit(kNow));
  caller.spent(150, kNow);
  EXPECT_THAT(caller.admit(kNow).error().message, HasSubstr("bob is over its limit of 100 tokens a minute"));
  EXPECT_FALSE(caller.admit(kNow + 29s));
  EXPECT_TRUE(caller.admit(kNow + 31s));
}

TEST_F(AuthenticatorTest, WrongKeysSlowOnlyWrongKeysOfTheirAddress) {
  const NewKey key = make({.name = "a"});
  Authenticator auth{home};
  ASSERT_TRUE(auth.refresh());
  int limited = 0;
  for (int i = 0; i < 10'000; ++i) {
    limited +=
        auth.identify({.key = "hth-wrong", .certificate = {}, .address = "10.0.0.9"}, kNow, kWall).error().code ==
                ErrorCode::rate_limited
            ? 1
            : 0;
  }
  EXPECT_EQ(limited, 10'000 - Authenticator::kWrongAMinute);
  EXPECT_TRUE(auth.identify({.key = key.key.reveal(), .certificate = {}, .address = "10.0.0.9"}, kNow, kWall))
      << "the same address, the right key";
  EXPECT_EQ(auth.identify({.key = "x", .certificate = {}, .address = "10.0.0.8"}, kNow, kWall).error().code,
            ErrorCode::unauthenticated);
  EXPECT_EQ(auth.identify({.key = "x", .certificate = {}, .address = "10.0.0.9"}, kNow + 60s, kWall).error().code,
            ErrorCode::unauthenticated);
}

TEST(Rate, AWholeMinuteAtOnceThenOneByOne) {
  Rate rate{60};
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(rate.take(kNow));
  EXPECT_EQ(rate.take(kNow), 1s);
  EXPECT_FALSE(rate.take(kNow + 1s));
  EXPECT_TRUE(rate.take(kNow + 1s));
  Rate none{0};
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(none.take(kNow));
}

TEST(Rate, ManyThreadsTakeNoMoreThanThereIs) {
  Rate rate{1'000};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) taken += rate.take(kNow) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 1'000);
}

}  // namespace
}  // namespace hearth::identity
