// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "gguf_writer.hpp"
#include "hearth/models/gguf.hpp"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using testing::tiny_llama;

class Shards : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "hearth-shards-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    // A whole model in two files: the first with the metadata and half of the tensors.
    first_ = tiny_llama();
    second_.tensors.assign(first_.tensors.begin() + 5, first_.tensors.end());
    first_.tensors.resize(5);
    split(first_, 0, 2);
    split(second_, 1, 2);
    first_.value("split.tensors.count", 5, GgufWriter::raw<std::int32_t>(11));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static void split(GgufWriter& w, std::uint16_t number, std::uint16_t count) {
    w.value("split.no", 2, GgufWriter::raw(number)).value("split.count", 2, GgufWriter::raw(count));
  }
  void write(const char* name, const GgufWriter& w) { std::ofstream{folder_ / name, std::ios::binary} << w.build(); }
  Result<GgufInfo> read() {
    write("m-00001-of-00002.gguf", first_);
    write("m-00002-of-00002.gguf", second_);
    return read_model(folder_ / "m-00002-of-00002.gguf");
  }

  std::string refusal() {
    const auto info = read();
    return info ? "accepted" : info.error().message;
  }

  std::filesystem::path folder_;
  GgufWriter first_;
  GgufWriter second_;
};

TEST_F(Shards, AnyShardLeadsToTheWholeModel) {
  const auto info = read();

  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->tensors.size(), 11U);
  EXPECT_EQ(info->architecture(), "llama");
  EXPECT_EQ(info->file_bytes, first_.build().size() + second_.build().size());
}

TEST_F(Shards, AMissingShardIsNamed) {
  write("m-00001-of-00002.gguf", first_);

  const auto paths = shard_paths(folder_ / "m-00001-of-00002.gguf");

  ASSERT_FALSE(paths);
  EXPECT_EQ(paths.error().code, ErrorCode::not_found);
  EXPECT_NE(paths.error().message.find("m-00002-of-00002.gguf"), std::string::npos) << paths.error().message;
}

TEST_F(Shards, AnInconsistentSetIsRefused) {
  split(second_, 0, 2);
  EXPECT_NE(refusal().find("says that it is shard 1 of 2"), std::string::npos);
  split(second_, 1, 3);
  EXPECT_NE(refusal().find("shard 2 of 3"), std::string::npos);
  second_.value("split.no", 4, GgufWriter::raw<std::uint32_t>(1))
      .value("split.count", 2, GgufWriter::raw<std::uint16_t>(2));
  EXPECT_NE(refusal().find("(u16)"), std::string::npos) << "libllama aborts on another type";
  split(second_, 1, 2);
  first_.value("split.tensors.count", 5, GgufWriter::raw<std::int32_t>(12));
  EXPECT_NE(refusal().find("split.tensors.count is 12"), std::string::npos);
  second_.tensors[0].name = first_.tensors[0].name;
  EXPECT_NE(refusal().find("in two shards"), std::string::npos);
}

TEST(ShardNames, OtherNamesAreThemselves) {
  for (const char* name : {"a.gguf", "a-00000-of-00003.gguf", "a-00004-of-00003.gguf", "a-0001-of-0003.gguf",
                           "-00001-of-00001.gguf", "a-+0001-of-00003.gguf"}) {
    const auto paths = shard_paths(name);
    ASSERT_TRUE(paths) << name;
    EXPECT_EQ(paths->size(), 1U) << name;
  }
  EXPECT_FALSE(shard_paths("a-00001-of-01001.gguf")) << "more than a thousand shards";
}

}  // namespace
}  // namespace hearth::models
