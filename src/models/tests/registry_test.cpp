// SPDX-License-Identifier: Apache-2.0
// Push and pull against a real registry, and against one that lies.
#include <gmock/gmock.h>

#include <ranges>
#include <set>

#include "docker_registry.hpp"
#include "hearth/models/store.hpp"
#include "manifest.hpp"
#include "registry_logins.hpp"

namespace hearth::models::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct RegistryTest : ::testing::Test {
  TempFolder home;
  TempFolder other_home;
  Machine machine;
  std::unique_ptr<Store> store = machine.open(home.path());
  std::unique_ptr<Store> other = machine.open(other_home.path());
  std::unique_ptr<DockerRegistry> registry;
  const std::string bytes = model_bytes(2'000, 3);

  void SetUp() override {
    if (!DockerRegistry::installed()) GTEST_SKIP() << "docker-registry is not installed";
    registry = std::make_unique<DockerRegistry>();
  }
  /// A model with every kind of small layer, under the registry's name.
  std::string make_model() {
    TempFolder work;
    write_text(work.path() / "a.gguf", bytes);
    CreateRequest request;
    request.name = registry->host() + "/team/tiny:1";
    request.from = (work.path() / "a.gguf").string();
    request.system = "be brief";
    request.template_text = "{{ .Prompt }}";
    request.parameters = {{"temperature", "0.5"}};
    request.licenses = {"MIT"};
    const auto created = machine.run(store->async_create(request, {}));
    EXPECT_TRUE(created) << created.error().message;
    return request.name;
  }
};

TEST(RegistryLogins, AreThoseOfConfigJsonAndNothingElse) {
  TempFolder folder;
  const auto file = folder.path() / "config.json";
  EXPECT_FALSE(RegistryLogins::load(file)->find("a.example")) << "no file, no login";
  write_text(file,
             R"({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "a.example:5000": {"auth": "YzpkCg=="},
      "helper.example": {}, "b.example": {"auth": "not base64\r\nX: y"}}, "credsStore": "desktop"})");
  const auto logins = RegistryLogins::load(file);
  ASSERT_TRUE(logins) << logins.error().message;
  EXPECT_EQ(logins->find("registry-1.docker.io")->reveal(), "Basic YTpi");
  EXPECT_EQ(logins->find("a.example:5000")->reveal(), "Basic YzpkCg==");
  for (const char* none : {"a.example", "helper.example", "b.example"}) EXPECT_FALSE(logins->find(none)) << none;
  write_text(file, "[]");
  EXPECT_EQ(RegistryLogins::load(file).error().code, ErrorCode::corrupt_data);
}

TEST_F(RegistryTest, ARegistryThatWantsALoginGetsTheOneOfTheLoginsFile) {
  registry = std::make_unique<DockerRegistry>(/*login=*/true);
  const auto name = make_model();
  const auto stranger = machine.run(store->async_push(name, false, {}));
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::unauthenticated);
  EXPECT_THAT(stranger.error().message, HasSubstr("docker login"));

  const auto logins = home.path() / "config.json";
  const std::string ada = "YWRhOmxvdmVsYWNl";  // ada:lovelace
  write_text(logins, R"({"auths": {"http://)" + registry->host() + R"(/v2/": {"auth": ")" + ada + R"("}}})");
  const auto reopen = [&](const TempFolder& folder) {
    Store::Options options = small_options(folder.path());
    options.logins_file = logins;
    return machine.open(std::move(options));
  };
  store = reopen(home);
  other = reopen(other_home);
  const auto pushed = machine.run(store->async_push(name, false, {}));
  ASSERT_TRUE(pushed) << pushed.error().message;
  const auto pulled = machine.run(other->async_pull(name, false, {}));
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(check_blobs(other_home.path()), check_blobs(home.path()));
}

TEST_F(RegistryTest, WhatWasPushedIsPulledWithTheSameDigests) {
  const auto name = make_model();
  Lines pushing;
  Lines pulling;

  const auto pushed = machine.run(store->async_push(name, false, pushing.sink()));
  ASSERT_TRUE(pushed) << pushed.error().message;
  const auto pulled = machine.run(other->async_pull(name, false, pulling.sink()));
  ASSERT_TRUE(pulled) << pulled.error().message;

  const auto here = machine.run(store->async_find(name));
  const auto there = machine.run(other->async_find(name));
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ(there->digest, here->digest);
  EXPECT_EQ(there->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(there->system, "be brief");
  EXPECT_EQ(there->size, here->size);
  EXPECT_EQ(check_blobs(other_home.path()), check_blobs(home.path()));
  EXPECT_THAT(leftovers(other_home.path()), IsEmpty());
  EXPECT_EQ(pushing.statuses().front(), "retrieving manifest");
  EXPECT_EQ(pushing.statuses().at(1), "pushing " + sha256_hex(bytes).substr(0, 12));
  EXPECT_EQ(pushing.statuses().back(), "success");
  EXPECT_EQ(pulling.statuses().front(), "pulling manifest");
  EXPECT_EQ(pulling.statuses().back(), "success");
  // Again: nothing is sent that is there, and nothing changes.
  EXPECT_TRUE(machine.run(store->async_push(name, false, {})));
  EXPECT_TRUE(machine.run(other->async_pull(name, false, {})));
  EXPECT_EQ(machine.run(other->async_find(name))->digest, here->digest);
}

TEST_F(RegistryTest, ABlobThatRottedInTheRegistryIsRefused) {
  const auto name = make_model();
  ASSERT_TRUE(machine.run(store->async_push(name, false, {})));
  auto rotten = bytes;
  rotten[rotten.size() - 100] ^= 1;
  write_text(registry->blob(sha256_hex(bytes)), rotten);

  const auto pulled = machine.run(other->async_pull(name, false, {}));

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::corrupt_data);
  EXPECT_THAT(pulled.error().message, HasSubstr("digest mismatch"));
  EXPECT_FALSE(*machine.run(other->async_has_blob("sha256:" + sha256_hex(bytes))));
  EXPECT_EQ(machine.run(other->async_find(name)).error().code, ErrorCode::not_found);
  check_blobs(other_home.path());
}

TEST_F(RegistryTest, AnUpdatedTagReplacesTheOldBlobs) {
  const auto name = make_model();
  ASSERT_TRUE(machine.run(store->async_push(name, false, {})));
  ASSERT_TRUE(machine.run(other->async_pull(name, false, {})));
  TempFolder work;
  write_text(work.path() / "b.gguf", model_bytes(2'000, 4));
  ASSERT_TRUE(machine.run(store->async_import(work.path() / "b.gguf", name, {})));
  ASSERT_TRUE(machine.run(store->async_push(name, false, {})));

  ASSERT_TRUE(machine.run(other->async_pull(name, false, {})));

  EXPECT_EQ(machine.run(other->async_find(name))->digest, machine.run(store->async_find(name))->digest);
  EXPECT_FALSE(*machine.run(other->async_has_blob("sha256:" + sha256_hex(bytes))));
}

TEST_F(RegistryTest, AnUnknownModelIsNotFound) {
  const auto pulled = machine.run(other->async_pull(registry->host() + "/team/none", false, {}));

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::not_found);
  EXPECT_THAT(pulled.error().message, HasSubstr("does not exist"));
  EXPECT_EQ(machine.run(store->async_push("not-here", false, {})).error().code, ErrorCode::not_found);
}

/// A registry in this process, for answers that a real one does not give.
struct FakeRegistryTest : ::testing::Test {
  TempFolder home;
  Machine machine;
  FileHost host;
  std::unique_ptr<WebServer> server;
  std::unique_ptr<Store> store = machine.open(home.path());
  std::string token_realm;  // not empty: manifests and blobs want a token from there
  std::atomic<int> tokens_given{0};
  std::string bytes = model_bytes(2'000, 3);

  void serve(const std::string& media_type) {
    Manifest manifest;
    manifest.config = {std::string{kConfigType}, sha256_hex("{}"), 2, {}, {}};
    manifest.layers = {{media_type, sha256_hex(bytes), bytes.size(), {}, {}}};
    host.files["/v2/t/m/manifests/latest"] = encode_manifest(manifest);
    host.files["/v2/t/m/blobs/sha256:" + sha256_hex("{}")] = "{}";
    host.files["/v2/t/m/blobs/sha256:" + sha256_hex(bytes)] = bytes;
    server = std::make_unique<WebServer>(
        [this](const net::Request& request, net::Responder& responder) { return async_answer(request, responder); });
  }
  Task<> async_answer(const net::Request& request, net::Responder& responder) {
    net::Headers headers;
    if (request.path == "/token") {
      ++tokens_given;
      (void)co_await responder.send(200, std::move(headers), R"({"token":"t-)" + request.query.at("scope") + R"("})");
      co_return;
    }
    if (!token_realm.empty() && request.headers.get("authorization").value_or("") != "Bearer t-repository:t/m:pull") {
      headers.set("WWW-Authenticate",
                  "Bearer realm=\"" + token_realm + "\",service=\"s\",scope=\"repository:t/m:pull\"");
      (void)co_await responder.send(401, std::move(headers), "");
      co_return;
    }
    co_await host.async_answer(request, responder);
  }
  Result<> pull() { return machine.run(store->async_pull(server->host() + "/t/m", false, {})); }
};

TEST_F(FakeRegistryTest, AnAnonymousTokenIsFetchedWhenAskedFor) {
  serve("application/vnd.docker.ai.gguf.v3");
  token_realm = server->origin() + "/token";

  const auto pulled = pull();

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(tokens_given, 1);
  EXPECT_EQ(machine.run(store->async_find(server->host() + "/t/m"))->weights_digest, sha256_hex(bytes));
}

TEST_F(FakeRegistryTest, ATokenFromAForeignHostIsNotFetched) {
  serve("application/vnd.docker.ai.gguf.v3");
  token_realm = "http://localhost:1/token";

  const auto pulled = pull();

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::forbidden);
  EXPECT_EQ(tokens_given, 0);
}

TEST_F(FakeRegistryTest, AnImageThatIsNoModelIsRefusedBeforeItsLayers) {
  serve("application/vnd.docker.image.rootfs.diff.tar.gzip");

  const auto pulled = pull();

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::unsupported);
  EXPECT_EQ(host.count("/blobs/"), 0U);
}

TEST_F(FakeRegistryTest, AnIndexLeadsToItsManifest) {
  serve("application/vnd.docker.ai.gguf.v3");
  const auto manifest = host.files["/v2/t/m/manifests/latest"];
  host.files["/v2/t/m/manifests/sha256:" + sha256_hex(manifest)] = manifest;
  host.files["/v2/t/m/manifests/latest"] =
      R"({"manifests":[{"digest":"sha256:)" + sha256_hex(manifest) + R"(","size":1}]})";

  const auto pulled = pull();

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find(server->host() + "/t/m"))->digest, sha256_hex(manifest));
}

TEST_F(FakeRegistryTest, AManifestThatIsNotItsDigestIsRefused) {
  serve("application/vnd.docker.ai.gguf.v3");
  host.files["/v2/t/m/manifests/sha256:" + sha256_hex("x")] = host.files["/v2/t/m/manifests/latest"];
  host.files["/v2/t/m/manifests/latest"] = R"({"manifests":[{"digest":"sha256:)" + sha256_hex("x") + R"(","size":1}]})";

  EXPECT_EQ(pull().error().code, ErrorCode::corrupt_data);
}

TEST_F(FakeRegistryTest, ABlobOfAnotherSizeIsRefused) {
  serve("application/vnd.docker.ai.gguf.v3");
  host.files["/v2/t/m/blobs/sha256:" + sha256_hex(bytes)] += "x";

  const auto pulled = pull();

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(host.count("bytes=16384-"), 0U) << "said before it is fetched";
  EXPECT_EQ(check_blobs(home.path()), 0U);
}

TEST_F(FakeRegistryTest, BlobsAreClaimedInOneOrderWhateverTheManifests) {
  std::map<std::string, std::string> texts;  // by digest
  for (const std::string text : {"be brief", "be kind", "be quick"}) texts.emplace(sha256_hex(text), text);
  Manifest manifest;
  manifest.config = {std::string{kConfigType}, sha256_hex("{}"), 2, {}, {}};
  manifest.layers = {{"application/vnd.docker.ai.gguf.v3", sha256_hex(bytes), bytes.size(), {}, {}}};
  for (const auto& [digest, text] : std::views::reverse(texts)) {
    manifest.layers.push_back({"application/vnd.ollama.image.license", digest, text.size(), {}, {}});
    host.files["/v2/t/m/blobs/sha256:" + digest] = text;
  }
  serve("application/vnd.docker.ai.gguf.v3");
  host.files["/v2/t/m/manifests/latest"] = encode_manifest(manifest);

  const auto pulled = pull();

  ASSERT_TRUE(pulled) << pulled.error().message;
  std::vector<std::string> asked;
  for (const std::string& line : host.log) {
    const auto at = line.find("/blobs/");
    if (at != std::string::npos) asked.push_back(line.substr(at, 7 + 7 + 64));
  }
  EXPECT_EQ(std::set(asked.begin(), asked.end()).size(), 5U);
  EXPECT_TRUE(std::ranges::is_sorted(asked)) << "two pulls of the same blobs never wait for each other";
  const auto model = machine.run(store->async_find(server->host() + "/t/m"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->licenses.size(), 3U);
}

TEST_F(FakeRegistryTest, AHostileGgufLeavesNoBlob) {
  bytes.resize(bytes.size() - 5'000);
  serve("application/vnd.docker.ai.gguf.v3");

  const auto pulled = pull();

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(check_blobs(home.path()), 0U);
  EXPECT_FALSE(machine.run(store->async_find(server->host() + "/t/m")));
}

}  // namespace
}  // namespace hearth::models::testing
