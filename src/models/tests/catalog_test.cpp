// SPDX-License-Identifier: Apache-2.0
#include "catalog.hpp"

#include <gmock/gmock.h>

#include "file_io.hpp"
#include "partial_file.hpp"
#include "store_machine.hpp"

namespace hearth::models::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct CatalogTest : ::testing::Test {
  TempFolder home;
  Catalog catalog{home.path()};

  void SetUp() override { ASSERT_TRUE(catalog.make_folders()); }

  static Name name(std::string_view text) { return *Name::parse(text); }
  std::string manifest_of(const std::vector<std::string>& digests) {
    Manifest manifest;
    manifest.config = {std::string{kConfigType}, *catalog.blobs().put("{}"), 2, {}, {}};
    for (const auto& digest : digests) {
      manifest.layers.push_back({media_type_of(LayerKind::license), digest, 1, {}, {}});
    }
    return encode_manifest(manifest);
  }
};

TEST_F(CatalogTest, AManifestIsWrittenOnlyWhenItsBlobsAreThere) {
  const auto there = *catalog.blobs().put("there");
  const auto missing = sha256_hex("missing");

  EXPECT_THAT(*catalog.commit(name("m"), manifest_of({there, missing})), ElementsAre(missing));
  EXPECT_EQ(catalog.read(name("m")).error().code, ErrorCode::not_found);

  const auto bytes = manifest_of({there});
  EXPECT_THAT(*catalog.commit(name("m"), bytes), IsEmpty());
  EXPECT_EQ(catalog.read(name("m"))->digest, sha256_hex(bytes));
  EXPECT_EQ(read_text(home.path() / "manifests/registry.ollama.ai/library/m/latest"), bytes);
}

TEST_F(CatalogTest, RemovingAModelKeepsBlobsThatAnotherUses) {
  const auto shared = *catalog.blobs().put("shared");
  const auto own = *catalog.blobs().put("own");
  ASSERT_TRUE(catalog.commit(name("a"), manifest_of({shared, own})));
  ASSERT_TRUE(catalog.commit(name("b"), manifest_of({shared})));

  ASSERT_TRUE(catalog.remove(name("a")));

  EXPECT_TRUE(catalog.blobs().has(shared));
  EXPECT_FALSE(catalog.blobs().has(own));
  EXPECT_FALSE(fs::exists(home.path() / "manifests/registry.ollama.ai/library/a"));
  EXPECT_EQ(catalog.remove(name("a")).error().code, ErrorCode::not_found);
}

TEST_F(CatalogTest, ReplacingAManifestDropsWhatOnlyTheOldOneNamed) {
  const auto before = *catalog.blobs().put("before");
  const auto after = *catalog.blobs().put("after");
  ASSERT_TRUE(catalog.commit(name("m"), manifest_of({before})));

  ASSERT_TRUE(catalog.commit(name("m"), manifest_of({after})));

  EXPECT_FALSE(catalog.blobs().has(before));
  EXPECT_TRUE(catalog.blobs().has(after));
}

TEST_F(CatalogTest, WithABrokenManifestNoBlobIsDeleted) {
  const auto blob = *catalog.blobs().put("blob");
  ASSERT_TRUE(catalog.commit(name("m"), manifest_of({blob})));
  write_text(home.path() / "manifests/registry.ollama.ai/library/broken/latest", "{");

  ASSERT_TRUE(catalog.remove(name("m")));

  EXPECT_TRUE(catalog.blobs().has(blob));
  EXPECT_THAT(catalog.read_all(), IsEmpty());
  ASSERT_TRUE(catalog.remove(name("broken")));
}

TEST_F(CatalogTest, SweepingDeletesOldLeftoversAndUnnamedBlobs) {
  const auto unnamed = *catalog.blobs().put("unnamed");
  const auto named = *catalog.blobs().put("named");
  ASSERT_TRUE(catalog.commit(name("m"), manifest_of({named})));
  write_text(catalog.blobs().temporary(), "half");
  write_text(catalog.blobs().partial(unnamed), "half");
  auto held = PartialFile::open(catalog.blobs().partial(named));
  ASSERT_TRUE(held && *held);
  ASSERT_TRUE((*held)->begin(10, 5, ""));

  catalog.sweep(std::chrono::hours{1});
  EXPECT_EQ(leftovers(home.path()).size(), 4U);
  EXPECT_TRUE(catalog.blobs().has(unnamed));

  catalog.sweep(std::chrono::seconds{0});
  EXPECT_EQ(leftovers(home.path()).size(), 2U) << "a download that is running keeps its two files";
  EXPECT_FALSE(catalog.blobs().has(unnamed));
  EXPECT_TRUE(catalog.blobs().has(named));
}

TEST_F(CatalogTest, AnUploadWithTheWrongDigestIsGone) {
  const auto file = catalog.blobs().temporary();
  write_text(file, "content");

  EXPECT_EQ(catalog.blobs().take(file, sha256_hex("other")).error().code, ErrorCode::invalid_request);
  EXPECT_FALSE(fs::exists(file));

  write_text(file, "content");
  EXPECT_TRUE(catalog.blobs().take(file, sha256_hex("content")));
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(check_blobs(home.path()), 1U);
}

TEST_F(CatalogTest, APartialFileHasOneOwnerAndGoesOnWhereItStopped) {
  const auto path = catalog.blobs().partial(sha256_hex("x"));
  {
    auto first = PartialFile::open(path);
    ASSERT_TRUE(first && *first);
    EXPECT_FALSE(PartialFile::open(path)->has_value());
    ASSERT_TRUE((*first)->begin(10, 4, "v"));
    ASSERT_TRUE((*first)->write_range(1, "5678"));
  }
  std::ofstream{path.string() + ".state", std::ios::app} << "2";  // killed in the middle of a line

  auto second = PartialFile::open(path);
  ASSERT_TRUE(second && *second);
  ASSERT_TRUE((*second)->begin(10, 4, "v"));
  EXPECT_THAT((*second)->state().done, ElementsAre(false, true, false));
  ASSERT_TRUE((*second)->write_range(0, "1234"));
  ASSERT_TRUE((*second)->write_range(2, "90"));
  EXPECT_EQ(read_text(path), "1234567890");
  const auto state = PartialState::parse(read_text(path.string() + ".state"));
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->complete());

  ASSERT_TRUE((*second)->begin(10, 4, "another version"));
  EXPECT_EQ((*second)->state().bytes_done(), 0U);
}

}  // namespace
}  // namespace hearth::models::testing
