// SPDX-License-Identifier: Apache-2.0
// Keys on disk: what is kept, what is not, and who may read it.
#include "hearth/identity/key_store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "hearth/base/id.hpp"

namespace hearth::identity {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const WallClock::time_point kNow{std::chrono::hours{500'000}};

struct KeyStoreTest : ::testing::Test {
  std::filesystem::path home = std::filesystem::temp_directory_path() / random_id("hearth-keys-");
  KeyStoreTest() { std::filesystem::create_directories(home); }
  ~KeyStoreTest() override { std::filesystem::remove_all(home); }

  KeyStore open() const {
    auto store = KeyStore::open(home);
    EXPECT_TRUE(store) << store.error().message;
    return *std::move(store);
  }
  std::string bytes_of(const char* name) const {
    std::ifstream in{home / name, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
};

TEST_F(KeyStoreTest, AKeyIsShownOnceAndKeptAsAHash) {
  Principal alice{.name = "alice", .team = "ward", .roles = {"clinician", "night"}, .models = {"local/*"}};
  alice.scopes = parse_scopes("inference,admin").value();
  alice.label = "confidential";
  alice.requests_per_minute = 7;
  const NewKey made = open().create(alice, kNow + 1h, kNow).value();
  EXPECT_THAT(made.key.reveal(), StartsWith("hth-" + made.id + "-"));
  EXPECT_THAT(made.key.reveal(), SizeIs(61));
  const auto records = read_keys(home).value();
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].principal, alice);
  EXPECT_EQ(records[0].expires, kNow + 1h);
  EXPECT_FALSE(records[0].is_live(kNow + 1h));
  const std::string secret = made.key.reveal().substr(made.key.reveal().rfind('-') + 1);
  for (const char* name : {"keys.db", "keys.db-wal", "keys.secret"})
    EXPECT_THAT(bytes_of(name), Not(HasSubstr(secret)));
}

TEST_F(KeyStoreTest, TheFilesAreTheirOwnersOnly) {
  (void)open().create({.name = "a"}, {}, kNow);
  for (const char* name : {"keys.db", "keys.secret"}) {
    struct stat info{};
    ASSERT_EQ(::stat((home / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(KeyStoreTest, RevokedAndRotated) {
  KeyStore store = open();
  const NewKey first = store.create({.name = "a"}, {}, kNow).value();
  const NewKey second = store.rotate(first.id, 10min, kNow).value();
  auto records = read_keys(home).value();
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_NE(first.key.reveal(), second.key.reveal());
  for (const KeyRecord& record : records) {
    EXPECT_TRUE(record.is_live(kNow + 9min));
    EXPECT_EQ(record.is_live(kNow + 10min), record.id == second.id);
  }
  EXPECT_TRUE(store.revoke(second.id, kNow));
  records = read_keys(home).value();
  for (const KeyRecord& record : records) EXPECT_EQ(record.is_live(kNow + 1min), record.id == first.id);
  EXPECT_EQ(store.rotate(second.id, 0s, kNow).error().code, ErrorCode::conflict);
  EXPECT_EQ(store.revoke("nobody", kNow).error().code, ErrorCode::not_found);
}

TEST_F(KeyStoreTest, NonsenseIsRefusedByName) {
  KeyStore store = open();
  const auto param = [&](const Principal& who) { return store.create(who, {}, kNow).error().param; };
  EXPECT_EQ(param({.name = ""}), "name");
  EXPECT_EQ(param({.name = "a b"}), "name");
  EXPECT_EQ(param({.name = "anonymous"}), "name");
  EXPECT_EQ(param({.name = "a", .roles = {"x\n"}}), "role");
  EXPECT_EQ(param({.name = "a", .kind = Kind::agent}), "on_behalf_of");
  EXPECT_EQ(param({.name = "a", .on_behalf_of = "b"}), "on_behalf_of");
  EXPECT_EQ(param({.name = "a", .kind = Kind::agent, .on_behalf_of = "a"}), "on_behalf_of");
  EXPECT_EQ(param({.name = "a", .scopes = 0}), "scopes");
  EXPECT_EQ(param({.name = "a", .tokens_per_minute = -1}), "tokens_per_minute");
  EXPECT_EQ(store.create({.name = "a"}, kNow, kNow).error().param, "expires");
  EXPECT_EQ(parse_scopes("inference,").error().param, "scopes");
  EXPECT_THAT(read_keys(home).value(), IsEmpty());
}

TEST_F(KeyStoreTest, TwoAtOnceAreRefusedAndAHomeWithoutKeysHasNone) {
  EXPECT_THAT(read_keys(home).value(), IsEmpty());
  const KeyStore store = open();
  EXPECT_EQ(KeyStore::open(home).error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace hearth::identity
