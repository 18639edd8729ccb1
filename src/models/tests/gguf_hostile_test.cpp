// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "gguf_writer.hpp"
#include "hearth/models/gguf.hpp"

namespace hearth::models {
namespace {

using testing::accept;
using testing::GgufWriter;
using testing::tiny_llama;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

struct Hostile {
  const char* name;
  std::function<void(GgufWriter&)> harm;
  const char* says;  // a part of the message
};

class HostileGguf : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileGguf, IsRefusedWithOneClearLine) {
  auto writer = tiny_llama();
  ASSERT_TRUE(accept(writer.build())) << "unharmed it is accepted";
  GetParam().harm(writer);

  const auto info = accept(writer.build());

  ASSERT_FALSE(info) << "accepted";
  EXPECT_EQ(info.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(info.error().message.find(GetParam().says), std::string::npos) << info.error().message;
  EXPECT_EQ(info.error().message.find('\n'), std::string::npos);
  EXPECT_LT(info.error().message.size(), 400U);
}

std::string name_of(const ::testing::TestParamInfo<Hostile>& info) { return info.param.name; }

const Hostile kFormat[] = {
    {"BadMagic", [](auto& w) { w.magic = "GGML"; }, "not a GGUF file"},
    {"VersionZero", [](auto& w) { w.version = 0; }, "version 0"},
    {"VersionOne", [](auto& w) { w.version = 1; }, "version 1"},
    {"VersionFour", [](auto& w) { w.version = 4; }, "version 4"},
    {"BigEndian", [](auto& w) { w.version = 0x03000000; }, "big-endian"},
    {"KeyCountMinusOne", [](auto& w) { w.key_count = kHuge; }, "keys at byte 16"},
    {"KeyCountOneTooMany", [](auto& w) { w.key_count = 22; }, "byte"},
    {"KeyCountOneTooFew", [](auto& w) { w.key_count = 20; }, "tensor"},
    {"TensorCountMinusOne", [](auto& w) { w.tensor_count = kHuge; }, "tensors at byte 8"},
    {"TensorCountBeyondTheFile", [](auto& w) { w.tensor_count = 30'000; }, "cannot fit a file"},
    {"KeySizeMinusOne", [](auto& w) { w.append("", GgufWriter::raw(kHuge)); }, "claims 18446744073709551615 bytes"},
    {"KeySizeBeyondTheFile", [](auto& w) { w.append("", GgufWriter::raw<std::uint64_t>(60'000)); },
     "the file ends inside"},
    {"EmptyKey", [](auto& w) { w.append("", GgufWriter::text("") + std::string(5, '\0')); }, "is empty"},
    {"KeyWithNul", [](auto& w) { w.append("", GgufWriter::text({"a\0b", 3}) + std::string(5, '\0')); }, "NUL"},
    {"DuplicateKey",
     [](auto& w) { w.append("", GgufWriter::text("general.name") + GgufWriter::raw<std::uint32_t>(0) + "x"); },
     "'general.name' at byte"},
    {"UnknownValueType", [](auto& w) { w.value("x", 13, "????????"); }, "unknown value type 13"},
    {"StringSizeMinusOne", [](auto& w) { w.value("x", 8, GgufWriter::raw(kHuge)); }, "claims"},
    {"BoolTwo", [](auto& w) { w.value("x", 7, "\2"); }, "not 0 or 1"},
    {"ArrayOfArrays",
     [](auto& w) { w.value("x", 9, GgufWriter::raw<std::uint32_t>(9) + GgufWriter::raw<std::uint64_t>(1)); },
     "array of arrays"},
    {"ArrayOfUnknown",
     [](auto& w) { w.value("x", 9, GgufWriter::raw<std::uint32_t>(99) + GgufWriter::raw<std::uint64_t>(1)); },
     "unknown element type 99"},
    {"ArrayLengthMinusOne",
     [](auto& w) { w.value("x", 9, GgufWriter::raw<std::uint32_t>(4) + GgufWriter::raw(kHuge)); },
     "claims 18446744073709551615 elements"},
    {"ArrayLengthTimesSizeWraps",
     [](auto& w) { w.value("x", 9, GgufWriter::raw<std::uint32_t>(10) + GgufWriter::raw<std::uint64_t>(1ULL << 61)); },
     "elements, more than"},
    {"ArrayOfStringsTooLong",
     [](auto& w) { w.value("x", 9, GgufWriter::raw<std::uint32_t>(8) + GgufWriter::raw<std::uint64_t>(100'000)); },
     "elements, more than"},
    {"AlignmentZero", [](auto& w) { w.u32("general.alignment", 0); }, "power of two"},
    {"AlignmentThree", [](auto& w) { w.u32("general.alignment", 3); }, "power of two"},
    {"AlignmentTwoGiB", [](auto& w) { w.u32("general.alignment", 1U << 31); }, "power of two up to"},
    {"AlignmentAString", [](auto& w) { w.string("general.alignment", "32"); }, "not u32"},
    {"AlignmentEightCannotBeMapped", [](auto& w) { w.u32("general.alignment", 8), w.alignment = 8; }, "below 32"},
    {"TensorNameEmpty", [](auto& w) { w.tensors[0].name = ""; }, "has no name"},
    {"TensorNameOf64Bytes", [](auto& w) { w.tensors[0].name = std::string(64, 'n'); }, "at most 63 bytes"},
    {"TensorNameWithNul", [](auto& w) { w.tensors[0].name = std::string("a\0b", 3); }, "NUL"},
    {"TensorNameTwice", [](auto& w) { w.tensors[1].name = w.tensors[0].name; }, "appears twice"},
    {"FiveDimensions", [](auto& w) { w.tensors[1].n_dims = 5; }, "5 dimensions"},
    {"DimensionZero", [](auto& w) { w.tensors[1].dims = {0}; }, "is 0"},
    {"DimensionMinusOne", [](auto& w) { w.tensors[1].dims = {kHuge}; }, "is -1"},
    {"ElementsOverflow", [](auto& w) { w.tensors[1].dims = {1ULL << 32, 1ULL << 31}; }, "overflows"},
    {"BytesOverflow", [](auto& w) { w.tensors[1].dims = {(1ULL << 62) - 1}, w.tensors[1].type = 28; }, "overflows"},
    {"TensorTypeRemoved", [](auto& w) { w.tensors[1].type = 4; }, "tensor type 4"},
    {"TensorTypeMinusOne", [](auto& w) { w.tensors[1].type = 0xFFFFFFFF; }, "unknown"},
    {"RowNotAMultipleOfTheBlock", [](auto& w) { w.tensors[0].type = 12; }, "block of 256"},
    {"OffsetUnaligned", [](auto& w) { w.tensors[1].offset = 33; }, "not a multiple of the alignment"},
    {"OffsetMinusThirtyTwo", [](auto& w) { w.tensors[1].offset = kHuge - 31; }, "bytes of tensor data"},
    {"OffsetBeyondTheFile", [](auto& w) { w.tensors[1].offset = 1 << 20; }, "bytes of tensor data"},
    {"OffsetOverlaps", [](auto& w) { w.tensors[1].offset = 0; }, "overlaps"},
    {"OffsetLeavesAGap", [](auto& w) { w.tensors[1].offset = 512; }, "leaves a gap"},
};
INSTANTIATE_TEST_SUITE_P(Format, HostileGguf, ::testing::ValuesIn(kFormat), name_of);

const Hostile kHyperparameters[] = {
    {"NoArchitecture", [](auto& w) { w.remove("general.architecture"); }, "general.architecture"},
    {"ArchitectureANumber", [](auto& w) { w.u32("general.architecture", 1); }, "general.architecture"},
    {"NoTensors", [](auto& w) { w.tensors.clear(); }, "no tensors"},
    {"NoBlockCount", [](auto& w) { w.remove("llama.block_count"); }, "'llama.block_count' is missing"},
    {"BlockCountZero", [](auto& w) { w.u32("llama.block_count", 0); }, "must be 1 to 512"},
    {"BlockCount513", [](auto& w) { w.u32("llama.block_count", 513); }, "must be 1 to 512"},
    {"BlockCountMoreThanThereAre", [](auto& w) { w.u32("llama.block_count", 2); },
     "'blk.1.attn_norm.weight' is missing"},
    {"BlockCountAFloat", [](auto& w) { w.f32("llama.block_count", 1); }, "has the type f32"},
    {"EmbeddingAbsurd", [](auto& w) { w.u32("llama.embedding_length", 0x7FFFFFFF); }, "embedding_length"},
    {"EmbeddingNotTheTensors", [](auto& w) { w.u32("llama.embedding_length", 16); }, "key length"},
    {"ContextZero", [](auto& w) { w.u32("llama.context_length", 0); }, "context_length"},
    {"HeadsZero", [](auto& w) { w.u32("llama.attention.head_count", 0); }, "0 attention heads"},
    {"KeyHeadsZero", [](auto& w) { w.u32("llama.attention.head_count_kv", 0); }, "0 key heads"},
    {"HeadsNotDividing", [](auto& w) { w.u32("llama.attention.head_count", 3); }, "does not divide"},
    {"KeyHeadsNotDividing", [](auto& w) { w.u32("llama.attention.head_count_kv", 3); }, "must be positive and divide"},
    {"HeadsArrayTooLong", [](auto& w) { w.template numbers<std::uint32_t>("llama.attention.head_count", 4, {2, 2}); },
     "has 2 elements"},
    {"HeadsArrayOfFloats", [](auto& w) { w.template numbers<float>("llama.attention.head_count", 6, {2}); },
     "of type f32"},
    {"RopeOdd", [](auto& w) { w.u32("llama.rope.dimension_count", 3); }, "must be even"},
    {"RopeLongerThanTheHead", [](auto& w) { w.u32("llama.rope.dimension_count", 8); }, "at most the head's length"},
    {"RopeScalingUnknown", [](auto& w) { w.string("llama.rope.scaling.type", "fast"); }, "'fast' is unknown"},
    {"RopeBaseNotANumber", [](auto& w) { w.f32("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN()); },
     "rope.freq_base"},
    {"EpsilonNegative", [](auto& w) { w.f32("llama.attention.layer_norm_rms_epsilon", -1); }, "must be 0 to 1"},
    {"PoolingUnknown", [](auto& w) { w.u32("llama.pooling_type", 9); }, "pooling_type 9"},
    {"ExpertsUsedMoreThanThereAre", [](auto& w) { w.u32("llama.expert_count", 4).u32("llama.expert_used_count", 5); },
     "5 of 4 experts"},
    {"ExpertsTooMany", [](auto& w) { w.u32("llama.expert_count", 1025).u32("llama.expert_used_count", 2); },
     "at most 1024"},
    {"ExpertsInUnevenGroups",
     [](auto& w) {
       w.u32("llama.expert_count", 4).u32("llama.expert_used_count", 2).u32("llama.expert_group_count", 3);
     },
     "cannot be routed"},
    {"PredictingLayersMoreThanBlocks", [](auto& w) { w.u32("llama.nextn_predict_layers", 2); }, "nextn_predict_layers"},
    {"KeyLengthNotTheTensors", [](auto& w) { w.u32("llama.attention.key_length", 8); },
     "must be equal in a llama model"},
};
INSTANTIATE_TEST_SUITE_P(Hyperparameters, HostileGguf, ::testing::ValuesIn(kHyperparameters), name_of);

const Hostile kVocabulary[] = {
    {"NoTokenizer", [](auto& w) { w.remove("tokenizer.ggml.model"); }, "no tokenizer"},
    {"NoTokens", [](auto& w) { w.remove("tokenizer.ggml.tokens"); }, "tokenizer.ggml.tokens"},
    {"TokensEmpty", [](auto& w) { w.strings("tokenizer.ggml.tokens", {}); }, "not empty"},
    {"TokensNumbers", [](auto& w) { w.template numbers<std::uint32_t>("tokenizer.ggml.tokens", 4, {1, 2}); },
     "array of strings"},
    {"TokensRepeat", [](auto& w) { w.strings("tokenizer.ggml.tokens", std::vector<std::string>(12, "a")); },
     "entry 1 repeats"},
    {"TokenNamedLikeAnEmptyOne",
     [](auto& w) {
       w.strings("tokenizer.ggml.tokens", {"", "[EMPTY_0]", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"});
     },
     "entry 1 repeats"},
    {"TokensNotTheTensors",
     [](auto& w) {
       w.strings("tokenizer.ggml.tokens", {"a", "b", "c"})
           .remove("tokenizer.ggml.scores")
           .remove("tokenizer.ggml.token_type");
     },
     "'token_embd.weight' has the shape"},
    {"ScoresTooFew", [](auto& w) { w.template numbers<float>("tokenizer.ggml.scores", 6, {0}); },
     "1 entries for 12 tokens"},
    {"ScoresStrings", [](auto& w) { w.strings("tokenizer.ggml.scores", {"a"}); }, "array of f32"},
    {"TypesTooFew", [](auto& w) { w.template numbers<std::int32_t>("tokenizer.ggml.token_type", 5, {1}); },
     "1 entries for 12"},
    {"TypesOfU8",
     [](auto& w) { w.template numbers<std::uint8_t>("tokenizer.ggml.token_type", 0, std::vector<std::uint8_t>(12)); },
     "array of i32"},
    {"EndTokenOutside", [](auto& w) { w.u32("tokenizer.ggml.eos_token_id", 12); }, "eos_token_id"},
    {"BeginTokenAddedButNone",
     [](auto& w) { w.string("tokenizer.ggml.model", "rwkv").u32("tokenizer.ggml.bos_token_id", 0xFFFFFFFF); },
     "names none"},
    {"NoMerges", [](auto& w) { w.string("tokenizer.ggml.model", "gpt2"); }, "tokenizer.ggml.merges"},
    {"DummyVocabularyOfBillions",
     [](auto& w) {
       w.string("tokenizer.ggml.model", "none").remove("tokenizer.ggml.tokens").u32("llama.vocab_size", 0xFFFFFFF0);
     },
     "at most 16777216"},
};
INSTANTIATE_TEST_SUITE_P(Vocabulary, HostileGguf, ::testing::ValuesIn(kVocabulary), name_of);

const Hostile kTensors[] = {
    {"EmbeddingTensorMissing", [](auto& w) { w.at("token_embd.weight").name = "token_embd.wight"; },
     "'token_embd.weight' is missing"},
    {"NormOfF16", [](auto& w) { w.at("output_norm.weight").type = 1; }, "must be F32"},
    {"MatrixOfIntegers", [](auto& w) { w.at("blk.0.attn_q.weight").type = 26; }, "no weight matrix"},
    {"QueryShape", [](auto& w) { w.at("blk.0.attn_q.weight").dims = {4, 16}; },
     "'blk.0.attn_q.weight' has the shape [4, 16]"},
    {"ThirdDimension", [](auto& w) { w.at("blk.0.attn_k.weight").dims = {8, 4, 2}; }, "has the shape [8, 4, 2]"},
    {"FeedForwardShape", [](auto& w) { w.u32("llama.feed_forward_length", 17); }, "ffn_down"},
    {"OneShardOfThree", [](auto& w) { w.value("split.count", 2, GgufWriter::raw<std::uint16_t>(3)); },
     "one of 3 shards"},
};
INSTANTIATE_TEST_SUITE_P(Tensors, HostileGguf, ::testing::ValuesIn(kTensors), name_of);

TEST(ForeignGguf, AnUnknownArchitectureGetsOnlyGenericChecks) {
  auto writer = tiny_llama();
  writer.string("general.architecture", "novel");
  for (const char* key : {"block_count", "context_length", "embedding_length"}) {
    writer.u32(std::string{"novel."} + key, 7);
  }

  const auto info = accept(writer.build());

  EXPECT_TRUE(info) << info.error().message;
}

TEST(ForeignGguf, AnAdapterOrProjectorSaysWhatItIs) {
  auto adapter = tiny_llama();
  adapter.string("general.type", "adapter");
  auto projector = tiny_llama();
  projector.string("general.architecture", "clip");

  EXPECT_NE(accept(adapter.build()).error().message.find("LoRA"), std::string::npos);
  EXPECT_NE(accept(projector.build()).error().message.find("projector"), std::string::npos);
}

GgufWriter tiny_adapter() {
  GgufWriter w;
  w.string("general.type", "adapter").string("general.architecture", "llama").string("adapter.type", "lora");
  w.f32("adapter.lora.alpha", 16);
  w.tensor("blk.0.attn_k.weight.lora_a", {8, 2}).tensor("blk.0.attn_k.weight.lora_b", {2, 4});
  w.tensor("blk.0.attn_norm.weight", {8});
  return w;
}

const Hostile kAdapters[] = {
    {"NoType", [](auto& w) { w.remove("general.type"); }, "general.type"},
    {"TypeNoString", [](auto& w) { w.u32("general.type", 1); }, "general.type"},
    {"ArchitectureNoString", [](auto& w) { w.u32("general.architecture", 1); }, "general.architecture"},
    {"AdapterTypeNoString", [](auto& w) { w.u32("adapter.type", 1); }, "adapter.type"},
    {"OtherAdapter", [](auto& w) { w.string("adapter.type", "ia3"); }, "no LoRA adapter"},
    {"OtherArchitecture", [](auto& w) { w.string("general.architecture", "gemma"); }, "is for architecture 'gemma'"},
    {"AlphaNoFloat", [](auto& w) { w.u32("adapter.lora.alpha", 16); }, "adapter.lora.alpha"},
    {"AlphaInfinite", [](auto& w) { w.f32("adapter.lora.alpha", std::numeric_limits<float>::infinity()); },
     "adapter.lora.alpha"},
    {"OneHalf", [](auto& w) { w.tensors.erase(w.tensors.begin()); }, "lacks its other half"},
    {"UnknownTensor",
     [](auto& w) { w.tensor("blk.7.x.weight.lora_a", {8, 2}).tensor("blk.7.x.weight.lora_b", {2, 4}); },
     "the model has no tensor"},
    {"OtherTensor", [](auto& w) { w.tensor("blk.0.attn_k.bias", {4}); }, "is neither"},
    {"WrongRank", [](auto& w) { w.at("blk.0.attn_k.weight.lora_a").dims = {8, 3}; }, "do not fit"},
    {"WrongWidth", [](auto& w) { w.at("blk.0.attn_k.weight.lora_a").dims = {4, 2}; }, "do not fit"},
    {"ThirdDimension", [](auto& w) { w.at("blk.0.attn_k.weight.lora_b").dims = {2, 4, 3}; }, "do not fit"},
    {"IntegerMatrix", [](auto& w) { w.at("blk.0.attn_k.weight.lora_a").type = 26; }, "no weight matrix"},
    {"SharedEmbedding",
     [](auto& w) { w.tensor("token_embd.weight.lora_a", {2, 12}).tensor("token_embd.weight.lora_b", {2, 8}); },
     "for its output as well"},
};

class HostileAdapter : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileAdapter, IsRefusedWithOneClearLine) {
  const auto base = accept(tiny_llama().build());
  ASSERT_TRUE(base);
  const auto check = [&](const GgufWriter& w) -> Result<> {
    HEARTH_TRY(const auto info, parse_gguf(testing::bytes_of(w.build())));
    return check_adapter(info, *base);
  };
  auto writer = tiny_adapter();
  const auto unharmed = check(writer);
  ASSERT_TRUE(unharmed) << unharmed.error().message;
  GetParam().harm(writer);

  const auto checked = check(writer);

  ASSERT_FALSE(checked) << "accepted";
  EXPECT_EQ(checked.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(checked.error().message.find(GetParam().says), std::string::npos) << checked.error().message;
}
INSTANTIATE_TEST_SUITE_P(Adapters, HostileAdapter, ::testing::ValuesIn(kAdapters), name_of);

TEST(Adapter, MayChangeAnEmbeddingThatIsNotTheOutput) {
  auto model = tiny_llama();
  model.tensor("output.weight", {8, 12});
  auto adapter = tiny_adapter();
  adapter.tensor("token_embd.weight.lora_a", {2, 12}).tensor("token_embd.weight.lora_b", {2, 8});
  const auto info = parse_gguf(testing::bytes_of(adapter.build()));
  ASSERT_TRUE(info) << info.error().message;
  const auto checked = check_adapter(*info, *accept(model.build()));
  EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
}  // namespace hearth::models
