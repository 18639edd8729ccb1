// SPDX-License-Identifier: Apache-2.0
// The decisions of transfers, without sockets and files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backoff.hpp"
#include "bearer_challenge.hpp"
#include "download.hpp"
#include "hub_plan.hpp"
#include "image_text.hpp"
#include "manifest.hpp"
#include "partial_state.hpp"
#include "pull.hpp"
#include "web.hpp"

namespace hearth::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kHex(64, 'a');

TEST(PartialState, RemembersFinishedRangesAcrossText) {
  const auto fresh = PartialState::fresh(100, 30, "\"v 1\"");

  const auto state = PartialState::parse(fresh.head_line() + PartialState::done_line(3) + PartialState::done_line(0));

  ASSERT_TRUE(state);
  EXPECT_THAT(state->done, ElementsAre(true, false, false, true));
  EXPECT_EQ(state->bytes_done(), 40U);
  EXPECT_FALSE(state->complete());
  EXPECT_TRUE(state->continues(100, fresh.validator));
  EXPECT_FALSE(state->continues(100, "other"));
  EXPECT_FALSE(state->continues(99, fresh.validator));
}

TEST(PartialState, ALineThatWasCutShortDoesNotCount) {
  const auto head = PartialState::fresh(1000, 10, "").head_line();

  const auto state = PartialState::parse(head + "5\n1");

  ASSERT_TRUE(state);
  EXPECT_EQ(state->bytes_done(), 10U);
  EXPECT_TRUE(state->done[5]);
  EXPECT_FALSE(PartialState::parse(head.substr(0, head.size() - 1)));
}

TEST(PartialState, NonsenseIsNoState) {
  for (const char* text : {"", "\n", "x 1 2 3\n", "hearth-partial-1 10 0 -\n", "hearth-partial-1 99999999999999 1 -\n",
                           "hearth-partial-1 10 3 -\n4\n", "hearth-partial-1 10 3 -\n-1\n"}) {
    EXPECT_FALSE(PartialState::parse(text)) << text;
  }
}

TEST(PartialState, HugeFilesGetLargerRangesInsteadOfMore) {
  const auto state = PartialState::fresh(kRangesMax * 10, 3, "");

  EXPECT_EQ(state.done.size(), kRangesMax);
  EXPECT_EQ(state.range, 10U);
}

TEST(BearerChallenge, IsReadWithQuotesAndCommasInside) {
  const auto challenge =
      parse_bearer_challenge(R"(Bearer realm="https://a.b/t",service="reg, \"x\"",scope="repository:a/b:pull,push")");

  ASSERT_TRUE(challenge) << challenge.error().message;
  EXPECT_EQ(challenge->realm, "https://a.b/t");
  EXPECT_EQ(challenge->service, "reg, \"x\"");
  EXPECT_EQ(challenge->scope, "repository:a/b:pull,push");
  EXPECT_FALSE(parse_bearer_challenge("Basic realm=\"x\""));
  EXPECT_FALSE(parse_bearer_challenge("Bearer service=\"x\""));
  EXPECT_FALSE(parse_bearer_challenge("Bearer "));
}

TEST(BearerChallenge, OnlyTheRegistryItselfOrItsKnownAuthorityMayIssueTokens) {
  EXPECT_TRUE(may_authorize("r.example", "r.example"));
  EXPECT_TRUE(may_authorize("registry-1.docker.io", "auth.docker.io"));
  EXPECT_FALSE(may_authorize("r.example", "evil.example"));
  EXPECT_FALSE(may_authorize("r.example", "auth.docker.io"));
}

TEST(Backoff, DoublesUpToItsBound) {
  using std::chrono::milliseconds;
  EXPECT_EQ(backoff(milliseconds{500}, 0), milliseconds{500});
  EXPECT_EQ(backoff(milliseconds{500}, 2), milliseconds{2000});
  EXPECT_EQ(backoff(milliseconds{500}, 1000), kBackoffMax);
}

TEST(ContentRange, IsReadStrictly) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->begin, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->size, 10U);
  for (const char* text : {"", "bytes", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10", "items 0-1/2", "bytes -1-2/3",
                           "bytes 0-1/99999999999999999999"}) {
    EXPECT_FALSE(parse_content_range(text)) << text;
  }
}

TEST(Manifest, SurvivesWritingAndReading) {
  Manifest manifest;
  manifest.config = {std::string{kConfigType}, kHex, 7, {}, {}};
  manifest.layers = {{media_type_of(LayerKind::model), std::string(64, 'b'), 1U << 31, "base", "x.gguf"}};

  const auto read = parse_manifest(encode_manifest(manifest));

  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->config.digest, kHex);
  ASSERT_EQ(read->layers.size(), 1U);
  EXPECT_EQ(layer_kind(read->layers[0].media_type), LayerKind::model);
  EXPECT_EQ(read->layers[0].from, "base");
  EXPECT_EQ(read->layers[0].name, "x.gguf");
  EXPECT_EQ(total_size(*read), (1ULL << 31) + 7);
}

TEST(Manifest, WhatIsWrongIsNamed) {
  const std::string config = R"("config":{"digest":"sha256:)" + kHex + R"(","size":1})";
  EXPECT_THAT(parse_manifest("[]").error().message, HasSubstr("not a JSON object"));
  EXPECT_THAT(parse_manifest("{}").error().message, HasSubstr("config is missing"));
  EXPECT_THAT(parse_manifest("{" + config + "}").error().message, HasSubstr("layers are missing"));
  EXPECT_THAT(parse_manifest("{" + config + R"(,"layers":[{"digest":"sha256:../x","size":1}]})").error().message,
              HasSubstr("digest of layer 0"));
  EXPECT_THAT(
      parse_manifest("{" + config + R"(,"layers":[{"digest":"sha256:)" + kHex + R"(","size":-1}]})").error().message,
      HasSubstr("size of layer 0"));
  std::string many = R"({"digest":"sha256:)" + kHex + R"(","size":1})";
  std::string layers = many;
  for (std::size_t i = 0; i < kLayersMax; ++i) layers += "," + many;
  EXPECT_THAT(parse_manifest("{" + config + ",\"layers\":[" + layers + "]}").error().message, HasSubstr("more than"));
}

TEST(Manifest, LayerTypesOfDockerCountToo) {
  EXPECT_EQ(layer_kind("application/vnd.docker.ai.gguf.v3"), LayerKind::model);
  EXPECT_EQ(layer_kind("application/vnd.docker.ai.mmproj.gguf.v3"), LayerKind::projector);
  EXPECT_EQ(layer_kind("application/vnd.docker.ai.license"), LayerKind::license);
  EXPECT_EQ(layer_kind("application/vnd.ollama.image.system"), LayerKind::system);
  EXPECT_EQ(layer_kind("application/vnd.docker.image.rootfs.diff.tar.gzip"), LayerKind::other);
}

TEST(Manifest, AnIndexNamesItsFirstManifest) {
  EXPECT_EQ(*index_entry(R"({"manifests":[{"digest":"sha256:)" + kHex + R"(","size":1}]})"), kHex);
  EXPECT_EQ(*index_entry("{}"), "");
  EXPECT_FALSE(index_entry(R"({"manifests":[]})"));
}

TEST(ImageText, ParametersKeepTypesAndRepeatedStops) {
  const Parameters parameters{{"temperature", "0.5"}, {"stop", "a"}, {"stop", "1"}, {"num_ctx", "4096"}};

  const auto json = encode_parameters(parameters);
  const auto read = parse_parameters(json);

  EXPECT_EQ(json, R"({"num_ctx":4096,"stop":["a","1"],"temperature":0.5})");
  ASSERT_TRUE(read);
  EXPECT_THAT(*read,
              ElementsAre(Pair("num_ctx", "4096"), Pair("stop", "a"), Pair("stop", "1"), Pair("temperature", "0.5")));
  EXPECT_FALSE(parse_parameters("[]"));
  EXPECT_FALSE(parse_messages("{}"));
  EXPECT_FALSE(parse_messages(R"([{"role":"user"}])"));
}

std::vector<HubFile> repository() {
  return {{"README.md", 1, {}},
          {"m-Q4_K_M.gguf", 40, kHex},
          {"m-Q4_K_S.gguf", 39, kHex},
          {"m-Q8_0.gguf", 80, kHex},
          {"m-IQ2_XXS.gguf", 20, kHex},
          {"mmproj-m-F16.gguf", 9, kHex},
          {"mmproj-m-Q8_0.gguf", 8, kHex},
          {"big/m-F16-00002-of-00002.gguf", 161, kHex},
          {"big/m-F16-00001-of-00002.gguf", 160, kHex}};
}

std::vector<std::string> paths(const std::vector<HubFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.path);
  return out;
}

TEST(HubPlan, PicksQ4KMWhenNothingIsSaid) {
  EXPECT_THAT(paths(choose_hub_files(repository(), "latest")->weights), ElementsAre("m-Q4_K_M.gguf"));
  EXPECT_THAT(paths(choose_hub_files({{"z.gguf", 1, {}}, {"a.gguf", 1, {}}}, "")->weights), ElementsAre("a.gguf"));
}

TEST(HubPlan, MatchesAQuantWithoutCaseAndAsAWholeWord) {
  EXPECT_THAT(paths(choose_hub_files(repository(), "q8_0")->weights), ElementsAre("m-Q8_0.gguf"));
  EXPECT_THAT(paths(choose_hub_files(repository(), "iq2_xxs")->weights), ElementsAre("m-IQ2_XXS.gguf"));
  const auto none = choose_hub_files(repository(), "Q4_K");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("Q4_K_M"));
  EXPECT_THAT(none.error().message, HasSubstr("F16"));
}

TEST(HubPlan, TakesAllShardsInOrderOrNone) {
  EXPECT_THAT(paths(choose_hub_files(repository(), "F16")->weights),
              ElementsAre("big/m-F16-00001-of-00002.gguf", "big/m-F16-00002-of-00002.gguf"));
  const auto lacking = choose_hub_files({{"m-00001-of-00002.gguf", 1, {}}}, "");
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().code, ErrorCode::corrupt_data);
  EXPECT_FALSE(choose_hub_files({{"m-00001-of-99999.gguf", 1, {}}}, ""));
}

TEST(HubPlan, PicksTheProjectorNearestToTheModel) {
  EXPECT_THAT(paths(choose_hub_files(repository(), "Q8_0")->projector), ElementsAre("mmproj-m-Q8_0.gguf"));
  EXPECT_THAT(paths(choose_hub_files(repository(), "F16")->projector), ElementsAre("mmproj-m-F16.gguf"));
  EXPECT_TRUE(choose_hub_files({{"a.gguf", 1, {}}}, "")->projector.empty());
}

TEST(HubPlan, ReadsRefsAndTrees) {
  EXPECT_EQ(*parse_hub_refs(R"({"branches":[{"name":"dev","targetCommit":"aa"},{"name":"main","targetCommit":"bb"}]})"),
            "bb");
  EXPECT_FALSE(parse_hub_refs(R"({"branches":[{"name":"main","targetCommit":"../x"}]})"));
  EXPECT_FALSE(parse_hub_refs("{}"));

  const auto files = parse_hub_tree(R"([{"type":"directory","path":"d"},{"type":"file","path":"a","size":3},)"
                                    R"({"type":"file","path":"b.gguf","size":5,"lfs":{"size":9,"oid":")" +
                                    kHex + R"("}}])");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[1].size, 9U);
  EXPECT_EQ((*files)[1].sha256, kHex);
  EXPECT_FALSE(parse_hub_tree(R"([{"type":"file","path":"b","size":5,"lfs":{"size":9,"oid":"12"}}])"));
}

TEST(PullName, AFileUrlIsAFileAndAHostIsARegistry) {
  const auto file = parse_pull("https://h.example/d/My%20Model-Q4_0.gguf?x=1");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(std::get<FileUrl>(*file).name.display(), "My-20Model-Q4_0:latest");

  const auto registry = parse_pull("https://h.example/n/m:t");
  ASSERT_TRUE(registry) << registry.error().message;
  EXPECT_EQ(std::get<Name>(*registry).host, "h.example");

  const auto hub = parse_pull("huggingface.co/u/r:Q8_0");
  ASSERT_TRUE(hub) << hub.error().message;
  EXPECT_EQ(std::get<Name>(*hub).full(), "hf.co/u/r:Q8_0");
  EXPECT_TRUE(is_hub(std::get<Name>(*hub)));
}

TEST(PullName, DockersRegistryIsServedByAnotherHost) {
  EXPECT_EQ(registry_url(*parse_model_name("docker.io/ai/smollm2"), "manifests/latest")->text(),
            net::Url::parse("https://registry-1.docker.io/v2/ai/smollm2/manifests/latest")->text());
}

TEST(Redirect, NeverLeadsFromHttpsToHttp) {
  const auto secure = *net::Url::parse("https://h.example/a");
  const auto plain = *net::Url::parse("http://h.example/a");
  EXPECT_EQ(resolve(secure, "http://h.example/b").error().code, ErrorCode::forbidden);
  EXPECT_EQ(resolve(secure, "/b")->scheme, "https");
  EXPECT_EQ(resolve(plain, "https://other.example/b")->host, "other.example");
  EXPECT_FALSE(resolve(secure, "//other.example/b"));
  EXPECT_FALSE(resolve(secure, "b"));
  EXPECT_FALSE(resolve(secure, ""));
  EXPECT_FALSE(resolve(secure, "file:///etc/passwd"));
}

TEST(Loopback, IsAnAddressAndNotAPrefix) {
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_TRUE(is_loopback("127.0.0.9"));
  EXPECT_TRUE(is_loopback("[::1]"));
  EXPECT_FALSE(is_loopback("127.evil.example"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace hearth::models
