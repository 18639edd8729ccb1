// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/gguf.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "gguf_writer.hpp"

namespace hearth::models {
namespace {

using testing::accept;
using testing::bytes_of;
using testing::GgufWriter;
using testing::tiny_llama;

TEST(Gguf, AWellFormedModelIsAccepted) {
  const auto info = accept(tiny_llama().build());

  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->architecture(), "llama");
  EXPECT_EQ(info->block_count(), 1);
  EXPECT_EQ(info->head_count_kv(), 1);
  EXPECT_EQ(info->context_length(), 64);
  EXPECT_EQ(info->vocabulary_size(), 12);
  EXPECT_EQ(info->quantization(), "F32");
  EXPECT_EQ(info->parameter_count(), 12U * 8 + 8 * 3 + 64 * 2 + 32 * 2 + 128 * 3);
  EXPECT_EQ(info->tensor_bytes(), info->parameter_count() * 4);
  EXPECT_EQ(info->data_offset % 32, 0U);
  EXPECT_EQ(info->text("general.name"), "tiny");
  EXPECT_EQ(info->boolean("tokenizer.ggml.add_bos_token"), true);
  EXPECT_DOUBLE_EQ(*info->number("llama.rope.freq_base"), 10000.0);
  EXPECT_EQ(info->array("tokenizer.ggml.tokens")->strings.at(3), "a");
}

TEST(Gguf, VersionTwoIsAccepted) {
  auto writer = tiny_llama();
  writer.version = 2;

  EXPECT_TRUE(accept(writer.build()));
}

TEST(Gguf, AFileCutAnywhereIsRefused) {
  const std::string whole = tiny_llama().build();
  const auto info = parse_gguf(bytes_of(whole));
  ASSERT_TRUE(info) << info.error().message;
  // The last tensor needs no padding behind it, so the file may end there.
  const auto& last = info->tensors.back();
  const std::size_t end = info->data_offset + last.offset + last.bytes;

  for (std::size_t n = 0; n < end; ++n) {
    const auto cut = parse_gguf(bytes_of(whole).first(n));
    ASSERT_FALSE(cut) << "accepted when cut to " << n << " of " << end << " bytes";
    ASSERT_EQ(cut.error().code, ErrorCode::corrupt_data);
    ASSERT_NE(cut.error().message.find("download it again"), std::string::npos);
  }
  EXPECT_TRUE(parse_gguf(bytes_of(whole).first(end)));
}

TEST(Gguf, LongArraysAreCountedAndNotKept) {
  GgufWriter writer;
  writer.numbers<std::uint16_t>("short", 2, std::vector<std::uint16_t>(4, 7));
  writer.numbers<std::uint16_t>("long", 2, std::vector<std::uint16_t>(5, 7));
  writer.strings("words", std::vector<std::string>(5, "w"));
  GgufLimits limits;
  limits.kept_elements = 4;

  const auto info = parse_gguf(bytes_of(writer.build()), limits);

  ASSERT_TRUE(info) << info.error().message;
  EXPECT_TRUE(info->array("short")->kept);
  EXPECT_EQ(info->array("short")->integers.size(), 4U);
  EXPECT_FALSE(info->array("long")->kept);
  EXPECT_EQ(info->array("long")->length, 5U);
  EXPECT_TRUE(info->array("long")->integers.empty());
  EXPECT_TRUE(info->array("words")->strings.empty());
}

TEST(Gguf, EveryLimitIsEnforced) {
  const auto refused = [](const GgufWriter& writer, auto change) {
    GgufLimits limits;
    change(limits);
    return !parse_gguf(bytes_of(writer.build()), limits);
  };
  const auto writer = tiny_llama();
  EXPECT_FALSE(refused(writer, [](GgufLimits&) {}));
  EXPECT_TRUE(refused(writer, [](GgufLimits& l) { l.keys = 3; }));
  EXPECT_TRUE(refused(writer, [](GgufLimits& l) { l.tensors = 3; }));
  EXPECT_TRUE(refused(writer, [](GgufLimits& l) { l.key_bytes = 5; }));
  EXPECT_TRUE(refused(writer, [](GgufLimits& l) { l.string_bytes = 3; }));
  EXPECT_TRUE(refused(writer, [](GgufLimits& l) { l.kept_bytes = 10; }));
}

TEST(Gguf, ValuesOfEveryTypeAreRead) {
  GgufWriter w;
  w.value("a", 0, GgufWriter::raw<std::uint8_t>(200)).value("b", 1, GgufWriter::raw<std::int8_t>(-3));
  w.value("c", 2, GgufWriter::raw<std::uint16_t>(60000)).value("d", 3, GgufWriter::raw<std::int16_t>(-300));
  w.value("e", 5, GgufWriter::raw<std::int32_t>(-70000)).value("f", 10, GgufWriter::raw<std::uint64_t>(1ULL << 40));
  w.value("g", 11, GgufWriter::raw<std::int64_t>(-(1LL << 40))).value("h", 12, GgufWriter::raw<double>(0.5));

  const auto info = parse_gguf(bytes_of(w.build()));

  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->integer("a"), 200);
  EXPECT_EQ(info->integer("b"), -3);
  EXPECT_EQ(info->integer("c"), 60000);
  EXPECT_EQ(info->integer("d"), -300);
  EXPECT_EQ(info->integer("e"), -70000);
  EXPECT_EQ(info->integer("f"), 1LL << 40);
  EXPECT_EQ(info->integer("g"), -(1LL << 40));
  EXPECT_EQ(info->number("h"), 0.5);
  EXPECT_EQ(info->integer("h"), std::nullopt);
}

TEST(Gguf, ParameterCountsReadLikeOllamas) {
  EXPECT_EQ(human_parameters(1'235'814'400), "1.2B");
  EXPECT_EQ(human_parameters(7'000'000'000), "7B");
  EXPECT_EQ(human_parameters(134'515'008), "134.52M");
  EXPECT_EQ(human_parameters(656'000), "656K");
  EXPECT_EQ(human_parameters(12), "12");
}

TEST(Gguf, TensorTypesPackAsGgmlDoes) {
  EXPECT_EQ(find_tensor_type(12)->name, "Q4_K");
  EXPECT_EQ(find_tensor_type(12)->bytes, 144U);
  EXPECT_EQ(find_tensor_type(4), nullptr) << "removed from the format";
  EXPECT_EQ(find_tensor_type(43), nullptr);
}

class SharedModel : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedModel, IsAccepted) {
  const char* shared = std::getenv("HEARTH_SHARED");
  const auto path = std::filesystem::path{shared == nullptr ? "" : shared} / "models" / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here (HEARTH_SHARED names its folder)";

  const auto info = read_model(path);

  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->architecture(), "llama");
  EXPECT_EQ(info->file_bytes, std::filesystem::file_size(path));
  EXPECT_GT(info->parameter_count(), 100'000U);
}
INSTANTIATE_TEST_SUITE_P(Gguf, SharedModel, ::testing::Values("stories656k.gguf", "tiny50k.gguf"));

TEST(Gguf, AMissingFileIsNotFoundAndAFolderIsRefused) {
  EXPECT_EQ(read_gguf("/nonexistent/x.gguf").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_gguf("/").error().code, ErrorCode::invalid_request);
}

// Deterministic: the same 20,000 files each run. What it proves is the absence of crashes, hangs and sanitizer
// findings, and that whatever is accepted keeps its promises.
TEST(Gguf, TwentyThousandMutationsNeverCrashTheValidator) {
  constexpr int kMutations = 20'000;
  const std::string seed = tiny_llama().build();
  std::mt19937 random{20'260'101};
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    std::string bytes = seed;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int c = 0; c < changes; ++c) {
      const std::size_t at = random() % 1400;  // header, metadata and tensor list
      switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8))); break;
        case 2: bytes.erase(at, 1 + random() % 8); break;
        default: bytes.insert(at, 1 + random() % 8, random() % 2 == 0 ? '\xFF' : '\0'); break;
      }
    }
    const auto info = accept(bytes);
    if (!info) {
      ++refused;
      ASSERT_FALSE(info.error().message.empty());
      continue;
    }
    for (const auto& t : info->tensors) {
      ASSERT_LE(info->data_offset + t.offset + t.bytes, bytes.size()) << "mutation " << i;
    }
  }
  EXPECT_GT(refused, kMutations / 2);
}

}  // namespace
}  // namespace hearth::models
