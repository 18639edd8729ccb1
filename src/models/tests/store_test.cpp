// SPDX-License-Identifier: Apache-2.0
// The store without the network.
#include "hearth/models/store.hpp"

#include <gmock/gmock.h>

#include "facts.hpp"
#include "file_digests.hpp"
#include "recent_map.hpp"
#include "store_machine.hpp"

namespace hearth::models::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct StoreTest : ::testing::Test {
  TempFolder home;
  TempFolder work;
  Machine machine;
  std::unique_ptr<Store> store = machine.open(home.path());

  fs::path file(const std::string& name, const std::string& bytes) {
    write_text(work.path() / name, bytes);
    return work.path() / name;
  }
  std::string upload(const std::string& bytes) {
    const auto spooled = store->spool_folder() / "upload";
    write_text(spooled, bytes);
    const auto digest = "sha256:" + sha256_hex(bytes);
    EXPECT_TRUE(machine.run(store->async_add_blob(digest, spooled)));
    return digest;
  }
};

TEST_F(StoreTest, ImportsAFileAndFindsIt) {
  const auto bytes = model_bytes(64, 1);
  const auto path = file("a.gguf", bytes);
  Lines lines;

  const auto imported = machine.run(store->async_import(path, "tiny:1", lines.sink()));

  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->name, "tiny:1");
  EXPECT_EQ(imported->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(imported->family, "llama");
  EXPECT_EQ(imported->context_length, 64);
  EXPECT_EQ(imported->embedding_length, 8);
  EXPECT_THAT(imported->capabilities, ElementsAre("completion"));
  ASSERT_EQ(imported->weights.size(), 1U);
  EXPECT_EQ(read_text(imported->weights[0]), bytes);
  EXPECT_EQ(lines.statuses().back(), "success");
  EXPECT_EQ(check_blobs(home.path()), 2U);
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(StoreTest, ShardsStayApartAndInOrder) {
  auto whole = tiny_llama();
  auto first = whole;
  auto second = GgufWriter{};
  first.tensors.resize(5);
  second.tensors.assign(whole.tensors.begin() + 5, whole.tensors.end());
  const auto count = static_cast<std::int32_t>(whole.tensors.size());
  const auto split = [&](GgufWriter& writer, std::uint16_t number) {
    writer.value("split.no", 2, GgufWriter::raw(number)).value("split.count", 2, GgufWriter::raw<std::uint16_t>(2));
    writer.value("split.tensors.count", 5, GgufWriter::raw(count));
  };
  split(first, 0);
  split(second, 1);
  const auto path = file("m-00001-of-00002.gguf", first.build());
  file("m-00002-of-00002.gguf", second.build());

  const auto model = machine.run(store->async_import(path, "split", {}));

  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->weights.size(), 2U);
  EXPECT_EQ(read_text(model->weights[0]), first.build());
  EXPECT_EQ(read_text(model->weights[1]), second.build());
}

TEST_F(StoreTest, APlainFileIsAModelToo) {
  const auto bytes = model_bytes(64, 1);
  const auto path = file("a.gguf", bytes);

  const auto model = machine.run(store->async_find(path.string()));

  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->digest, sha256_hex(bytes));
  EXPECT_THAT(model->weights, ElementsAre(path));
  EXPECT_EQ(machine.run(store->async_find((work.path() / "no.gguf").string())).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, NamesFromOutsideAreFoundAndListedFirst) {
  const auto path = file("b.gguf", model_bytes(64, 1));
  ASSERT_TRUE(machine.run(store->async_import(path, "stored", {})));
  auto options = small_options(home.path());
  options.named = {{"small", path.string()}, {"alias", "stored"}};
  const auto named = machine.open(options);

  const auto found = machine.run(named->async_find("small"));
  const auto listed = machine.run(named->async_list());

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->name, "small");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].name, "small");
  EXPECT_EQ((*listed)[1].name, "alias");
  EXPECT_EQ((*listed)[2].name, "stored:latest");
}

TEST_F(StoreTest, AServersStoreTakesNoPathsButKnowsItsOwn) {
  const auto path = file("c.gguf", model_bytes(64, 1));
  Store::Options options = small_options(home.path());
  options.named = {{"small", path.string()}};
  options.paths = false;
  const auto server = machine.open(options);

  EXPECT_TRUE(machine.run(server->async_find("small")));
  EXPECT_EQ(machine.run(server->async_find(path.string())).error().code, ErrorCode::forbidden);
  EXPECT_EQ(machine.run(server->async_find("/etc/passwd")).error().code, ErrorCode::forbidden);
  CreateRequest request;
  request.name = "copied";
  request.from = path.string();
  EXPECT_EQ(machine.run(server->async_create(std::move(request), {})).error().code, ErrorCode::forbidden);
}

TEST_F(StoreTest, AnUnknownNameSaysWhatToType) {
  const auto model = machine.run(store->async_find("team/none"));

  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::not_found);
  EXPECT_THAT(model.error().message, HasSubstr("hearth pull team/none:latest"));
  EXPECT_EQ(machine.run(store->async_find("a/../b")).error().code, ErrorCode::invalid_request);
}

TEST_F(StoreTest, AHostileFileIsOneLineAndNoBlob) {
  const auto path = file("bad.gguf", model_bytes(64, 1).substr(0, 3000));

  const auto imported = machine.run(store->async_import(path, "bad", {}));

  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(imported.error().message.find('\n'), std::string::npos);
  EXPECT_EQ(check_blobs(home.path()), 0U);
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

TEST_F(StoreTest, CreatesFromAModelAndReplacesWhatTheRequestSays) {
  ASSERT_TRUE(machine.run(store->async_import(file("a.gguf", model_bytes(64, 1)), "base", {})));
  CreateRequest first;
  first.name = "one";
  first.from = "base";
  first.system = "be one";
  first.template_text = "{{ .Prompt }}{{ .Tools }}<think>";
  first.licenses = {"MIT"};
  first.parameters = {{"temperature", "0.5"}, {"stop", "x"}, {"stop", "y"}};
  first.messages = {{"user", "hi"}, {"assistant", "hello"}};
  CreateRequest second;
  second.name = "two";
  second.from = "one";
  second.system = "be two";
  second.parameters = {{"stop", "z"}};
  second.licenses = {"Apache"};

  ASSERT_TRUE(machine.run(store->async_create(first, {})));
  ASSERT_TRUE(machine.run(store->async_create(second, {})));
  const auto model = machine.run(store->async_find("two"));

  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->parent, "one:latest");
  EXPECT_EQ(model->system, "be two");
  EXPECT_EQ(model->template_text, *first.template_text);
  EXPECT_THAT(model->licenses, ElementsAre("MIT", "Apache"));
  EXPECT_THAT(model->parameters, ElementsAre(Pair("stop", "z"), Pair("temperature", "0.5")));
  ASSERT_EQ(model->messages.size(), 2U);
  EXPECT_EQ(model->messages[1].content, "hello");
  EXPECT_THAT(model->capabilities, ElementsAre("completion", "tools", "thinking"));
  EXPECT_EQ(model->weights_digest, machine.run(store->async_find("base"))->weights_digest);
}

TEST_F(StoreTest, CreatesFromUploadedFilesAndAdapters) {
  auto adapter = GgufWriter{};
  adapter.string("general.architecture", "llama").string("general.type", "adapter").string("adapter.type", "lora");
  adapter.tensor("blk.0.attn_q.weight.lora_a", {8, 2}).tensor("blk.0.attn_q.weight.lora_b", {2, 8});
  CreateRequest request;
  request.name = "adapted";
  request.files = {{"model.gguf", upload(model_bytes(64, 1))}};
  request.adapters = {{"lora.gguf", upload(adapter.build())}};

  const auto created = machine.run(store->async_create(request, {}));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(machine.run(store->async_find("adapted"))->adapters.size(), 1U);

  adapter.u32("adapter.lora.alpha", 16);
  request.adapters = {{"lora.gguf", upload(adapter.build())}};
  EXPECT_EQ(machine.run(store->async_create(request, {})).error().code, ErrorCode::corrupt_data);

  request.files = {{"model.gguf", "sha256:" + sha256_hex("nothing")}};
  EXPECT_EQ(machine.run(store->async_create(request, {})).error().code, ErrorCode::not_found);
  request.files.clear();
  EXPECT_EQ(machine.run(store->async_create(request, {})).error().code, ErrorCode::invalid_request);
  request.from = "not-here";
  EXPECT_THAT(machine.run(store->async_create(request, {})).error().message, HasSubstr("hearth pull not-here"));
}

TEST_F(StoreTest, QuantizesThroughTheGivenFunction) {
  const auto smaller = model_bytes(64, 9);
  std::string seen;
  TempFolder other;
  auto quantizing = machine.open(small_options(other.path()),
                                 [&](const fs::path& in, const fs::path& out, const std::string& type) -> Result<> {
                                   seen = sha256_hex(read_text(in)) + " " + type;
                                   write_text(out, smaller);
                                   return {};
                                 });
  const auto bytes = model_bytes(64, 1);
  CreateRequest request;
  request.name = "small";
  request.from = file("a.gguf", bytes).string();
  request.quantize = "Q4_K_M";
  Lines lines;

  const auto created = machine.run(quantizing->async_create(request, lines.sink()));

  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(seen, sha256_hex(bytes) + " Q4_K_M");
  EXPECT_EQ(machine.run(quantizing->async_find("small"))->weights_digest, sha256_hex(smaller));
  EXPECT_THAT(lines.statuses(), Contains("quantizing F32 model to Q4_K_M"));
  EXPECT_EQ(machine.run(store->async_create(request, {})).error().code, ErrorCode::unsupported);
}

TEST_F(StoreTest, CopiesListsAndRemoves) {
  ASSERT_TRUE(machine.run(store->async_import(file("a.gguf", model_bytes(64, 1)), "a", {})));
  ASSERT_TRUE(machine.run(store->async_copy("a", "team/b:2")));
  write_text(home.path() / "manifests/registry.ollama.ai/library/broken/latest", "{");

  std::vector<std::string> names;
  for (const auto& model : *machine.run(store->async_list())) names.push_back(model.name);
  EXPECT_THAT(names, ElementsAre("team/b:2", "a:latest"));

  ASSERT_TRUE(machine.run(store->async_remove("broken")));
  ASSERT_TRUE(machine.run(store->async_remove("a")));
  EXPECT_TRUE(machine.run(store->async_find("team/b:2")));
  ASSERT_TRUE(machine.run(store->async_remove("team/b:2")));
  EXPECT_EQ(check_blobs(home.path()), 0U);
  EXPECT_EQ(machine.run(store->async_remove("a")).error().code, ErrorCode::not_found);
  EXPECT_EQ(machine.run(store->async_copy("a", "c")).error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, BlobsAreKnownByDigestOnly) {
  const auto digest = upload("content");

  EXPECT_TRUE(*machine.run(store->async_has_blob(digest)));
  EXPECT_FALSE(*machine.run(store->async_has_blob("sha256:" + sha256_hex("other"))));
  EXPECT_EQ(machine.run(store->async_has_blob("sha256:../../x")).error().code, ErrorCode::invalid_request);
}

TEST_F(StoreTest, OpeningCleansUpWhatIsOldAndKeepsWhatIsNew) {
  const auto kept = upload("kept");
  {
    auto again = machine.open(home.path());
  }
  EXPECT_TRUE(*machine.run(store->async_has_blob(kept)));

  auto options = small_options(home.path());
  options.leftover_age = std::chrono::hours{0};
  auto again = machine.open(options);
  EXPECT_FALSE(*machine.run(again->async_has_blob(kept)));
}

TEST(Capabilities, ComeFromTheHeaderAndTheTemplate) {
  Facts facts;
  facts.chat_template = "{% if tools %}{% endif %}{{ '<think>' }}";
  EXPECT_THAT(capabilities(facts, "", false), ElementsAre("completion", "tools", "thinking"));
  facts.fills_in = true;
  EXPECT_THAT(capabilities(facts, "{{ .Prompt }}", true), ElementsAre("completion", "insert", "vision"));
  facts.embeds = true;
  EXPECT_THAT(capabilities(facts, "", false), ElementsAre("embedding"));
}

TEST(Capabilities, AnEncoderOrAPoolingTypeMeansEmbedding) {
  auto writer = tiny_llama();
  EXPECT_FALSE(facts_of(*parse_gguf(bytes_of(writer.build()))).embeds);
  auto unspecified = tiny_llama();
  unspecified.u32("llama.pooling_type", 0xFFFFFFFF);
  EXPECT_FALSE(facts_of(*parse_gguf(bytes_of(unspecified.build()))).embeds) << "how libllama saves -1";
  EXPECT_TRUE(check_model(*parse_gguf(bytes_of(unspecified.build()))));
  writer.u32("llama.pooling_type", 3);
  EXPECT_TRUE(facts_of(*parse_gguf(bytes_of(writer.build()))).embeds);
}

TEST(FileDigests, OutliveTheProcessAndFollowTheFile) {
  TempFolder home;
  const Blobs blobs{home.path()};
  ASSERT_TRUE(blobs.make_folders());
  const auto file = home.path() / "a.gguf";
  const auto digest = [&](std::chrono::seconds settled) {
    return *FileDigests{home.path(), blobs, 4, settled}.of({file}, version_of({file})->text);
  };
  write_text(file, "one");
  EXPECT_EQ(digest(FileDigests::kSettled), sha256_hex("one"));
  EXPECT_FALSE(fs::exists(home.path() / "digests"));  // the file is too fresh
  EXPECT_EQ(digest(0s), sha256_hex("one"));
  const fs::path entry = *fs::directory_iterator{home.path() / "digests"};
  const std::string marked = std::string(64, 'a') + read_text(entry).substr(64);  // shows whether the entry was read

  write_text(entry, marked);
  EXPECT_EQ(digest(0s), std::string(64, 'a'));
  write_text(file, "other");
  EXPECT_EQ(digest(0s), sha256_hex("other"));
  write_text(entry, "damaged");
  EXPECT_EQ(digest(0s), sha256_hex("other"));
}

TEST(RecentMap, TheLeastRecentlyUsedGoes) {
  RecentMap<int> map{2};
  map.insert("a", 1);
  map.insert("b", 2);
  EXPECT_EQ(map.find("a"), 1);
  map.insert("c", 3);
  EXPECT_EQ(map.find("a"), 1);
  EXPECT_EQ(map.find("b"), std::nullopt);
}

}  // namespace
}  // namespace hearth::models::testing
