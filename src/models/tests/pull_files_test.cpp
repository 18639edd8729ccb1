// SPDX-License-Identifier: Apache-2.0
// Pulls from a hub and from plain URLs, served by this process.
#include <gmock/gmock.h>

#include <thread>

#include "hearth/models/store.hpp"
#include "store_machine.hpp"

namespace hearth::models::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kCommit = "0123456789abcdef0123456789abcdef01234567";

struct PullFilesTest : ::testing::Test {
  TempFolder home;
  FileHost host;
  FileHost cdn;
  Machine machine;
  std::unique_ptr<WebServer> server;
  std::unique_ptr<WebServer> cdn_server;
  std::unique_ptr<Store> store;
  const std::string bytes = model_bytes(2'000, 7);  // 190 kB: a dozen ranges

  /// A repository u/r with these files; the content comes from another port.
  void serve(const std::map<std::string, std::string>& files, const std::string& oid = {}) {
    cdn_server = std::make_unique<WebServer>(cdn.handler());
    const std::string commit{kCommit};
    std::string tree;
    for (const auto& [path, content] : files) {
      tree += (tree.empty() ? "" : ",") + std::string{R"({"type":"file","path":")"} + path +
              R"(","size":3,"lfs":{"oid":")" + (oid.empty() ? sha256_hex(content) : oid) + R"(","size":)" +
              std::to_string(content.size()) + "}}";
      cdn.files["/cdn/" + path] = content;
      host.redirects["/u/r/resolve/" + commit + "/" + path] = cdn_server->origin() + "/cdn/" + path;
    }
    host.files["/api/models/u/r/refs"] = R"({"branches":[{"name":"main","targetCommit":")" + commit + R"("}]})";
    host.files["/api/models/u/r/tree/" + commit] = "[" + tree + "]";
    open();
  }
  void open() {
    server = std::make_unique<WebServer>(host.handler());
    auto options = small_options(home.path());
    options.hub_endpoint = server->origin();
    options.hub_token = "hf_secret";
    store = machine.open(options);
  }
  Result<> pull(const std::string& name, const OnProgress& progress = {}) {
    return machine.run(store->async_pull(name, false, progress));
  }
};

TEST_F(PullFilesTest, AHubModelComesInRangesFromTheRedirectedHost) {
  serve({{"r-Q4_K_M.gguf", bytes}, {"r-Q8_0.gguf", "other"}});
  Lines lines;

  const auto pulled = pull("hf.co/u/r", lines.sink());

  ASSERT_TRUE(pulled) << pulled.error().message;
  const auto model = machine.run(store->async_find("hf.co/u/r"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(model->name, "hf.co/u/r:latest");
  const auto pulling = "pulling " + sha256_hex(bytes).substr(0, 12);
  EXPECT_THAT(lines.statuses(), ElementsAre("pulling manifest", pulling, "verifying sha256 digest", "writing manifest",
                                            "removing any unused layers", "success"));
  const auto ranges = (bytes.size() + (16 << 10) - 1) / (16 << 10);
  EXPECT_EQ(cdn.count("/cdn/r-Q4_K_M.gguf"), ranges + 1) << "one question where the file is, and each range once";
  EXPECT_EQ(host.count("/resolve/"), 1U);
  EXPECT_EQ(host.seen_authorization["/api/models/u/r/refs"], "Bearer hf_secret");
  EXPECT_EQ(cdn.seen_authorization["/cdn/r-Q4_K_M.gguf"], "") << "the token is for the hub only";
  for (const auto& line : lines.all()) {
    if (line.status == pulling) EXPECT_LE(line.completed, line.total);
  }
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

TEST_F(PullFilesTest, TheLongNameOfTheHubIsTheSameModel) {
  serve({{"r-Q8_0.gguf", bytes}});

  ASSERT_TRUE(pull("huggingface.co/u/r:q8_0"));

  EXPECT_TRUE(machine.run(store->async_find("hf.co/u/r:q8_0")));
  EXPECT_TRUE(machine.run(store->async_find("huggingface.co/u/r:q8_0")));
}

TEST_F(PullFilesTest, AFileThatIsNotItsOidIsRefusedAndGone) {
  serve({{"r-Q4_K_M.gguf", bytes}}, sha256_hex("something else"));

  const auto pulled = pull("hf.co/u/r");

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::corrupt_data);
  EXPECT_THAT(pulled.error().message, HasSubstr("digest mismatch"));
  EXPECT_EQ(check_blobs(home.path()), 0U);
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

TEST_F(PullFilesTest, AGgufThatLibllamaShouldNotSeeIsRefusedAndGone) {
  auto hostile = bytes;
  hostile.resize(hostile.size() - 5'000);
  serve({{"r-Q4_K_M.gguf", hostile}});

  const auto pulled = pull("hf.co/u/r");

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(pulled.error().message.find('\n'), std::string::npos);
  EXPECT_EQ(check_blobs(home.path()), 0U);
  EXPECT_FALSE(machine.run(store->async_find("hf.co/u/r")));
}

TEST_F(PullFilesTest, ServersWithoutRangesServeTheWholeFile) {
  cdn.ranges = false;
  serve({{"r-Q4_K_M.gguf", bytes}});

  const auto pulled = pull("hf.co/u/r");

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find("hf.co/u/r"))->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(cdn.count("/cdn/"), 2U);
}

TEST_F(PullFilesTest, TruncatedAnswersEndInAnErrorAndTheNextPullGoesOn) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  cdn.truncate = true;

  const auto pulled = pull("hf.co/u/r");

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::upstream_error);
  EXPECT_EQ(check_blobs(home.path()), 0U);
  cdn.truncate = false;
  const auto again = pull("hf.co/u/r");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(machine.run(store->async_find("hf.co/u/r"))->weights_digest, sha256_hex(bytes));
}

TEST_F(PullFilesTest, ShardsAndProjectorBecomeLayersOfOneModel) {
  auto whole = tiny_llama();
  auto first = whole;
  auto second = GgufWriter{};
  first.tensors.resize(5);
  second.tensors.assign(whole.tensors.begin() + 5, whole.tensors.end());
  std::uint16_t number = 0;
  for (auto* shard : {&first, &second}) {
    shard->value("split.no", 2, GgufWriter::raw(number++));
    shard->value("split.count", 2, GgufWriter::raw<std::uint16_t>(2));
    shard->value("split.tensors.count", 5, GgufWriter::raw(static_cast<std::int32_t>(whole.tensors.size())));
  }
  auto projector = GgufWriter{};
  projector.string("general.architecture", "clip").string("general.type", "mmproj").tensor("v.weight", {8, 8});
  serve({{"f/r-F32-00001-of-00002.gguf", first.build()},
         {"f/r-F32-00002-of-00002.gguf", second.build()},
         {"mmproj-r-F16.gguf", projector.build()}});

  const auto pulled = pull("hf.co/u/r:F32");

  ASSERT_TRUE(pulled) << pulled.error().message;
  const auto model = machine.run(store->async_find("hf.co/u/r:F32"));
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->weights.size(), 2U);
  EXPECT_EQ(read_text(model->weights[1]), second.build());
  EXPECT_TRUE(model->projector.has_value());
  EXPECT_THAT(model->capabilities, Contains("vision"));
}

TEST_F(PullFilesTest, AnUnknownRepositoryOrQuantIsNotFound) {
  serve({{"r-Q4_K_M.gguf", bytes}});

  EXPECT_EQ(pull("hf.co/u/none").error().code, ErrorCode::not_found);
  const auto quant = pull("hf.co/u/r:Q2_K");
  EXPECT_EQ(quant.error().code, ErrorCode::not_found);
  EXPECT_THAT(quant.error().message, HasSubstr("Q4_K_M"));
}

TEST_F(PullFilesTest, TwoPullsOfOneNameShareOneDownload) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  std::atomic<bool> joined{false};
  host.hold = [&](const net::Request&) { return !joined; };
  Lines first;
  Lines second;
  OnProgress second_joined = [&, sink = second.sink()](const Progress& line) {
    sink(line);
    joined = true;
  };

  auto one = machine.start(store->async_pull("hf.co/u/r", false, first.sink()), 0);
  while (host.count("/refs") == 0) std::this_thread::yield();
  auto two = machine.start(store->async_pull("hf.co/u/r", false, second_joined), 1);

  ASSERT_TRUE(one.get());
  ASSERT_TRUE(two.get());
  EXPECT_EQ(host.count("/refs"), 1U);
  EXPECT_EQ(cdn.count("bytes=0-16383"), 1U);
  EXPECT_EQ(second.statuses().front(), "pulling manifest");
  EXPECT_EQ(second.statuses().back(), "success");
}

TEST_F(PullFilesTest, TwoNamesOfOneBlobWaitForOneDownload) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  cdn.hold = [&](const net::Request&) { return host.count("/tree/") < 2; };

  auto one = machine.start(store->async_pull("hf.co/u/r", false, {}), 0);
  auto two = machine.start(store->async_pull("hf.co/u/r:Q4_K_M", false, {}), 1);

  ASSERT_TRUE(one.get());
  ASSERT_TRUE(two.get());
  EXPECT_EQ(cdn.count("bytes=0-16383"), 1U);
  EXPECT_EQ(machine.run(store->async_find("hf.co/u/r"))->weights_digest,
            machine.run(store->async_find("hf.co/u/r:Q4_K_M"))->weights_digest);
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

TEST_F(PullFilesTest, ABlobDeletedBeforeTheManifestIsFetchedAgain) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  const auto blob = home.path() / "blobs" / ("sha256-" + sha256_hex(bytes));
  int deletions = 0;
  const OnProgress another_process = [&](const Progress& line) {
    if (line.status == "writing manifest" && deletions++ == 0) fs::remove(blob);
  };

  const auto pulled = pull("hf.co/u/r", another_process);

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(deletions, 2);
  EXPECT_TRUE(fs::exists(blob));

  const OnProgress hostile_process = [&](const Progress& line) {
    if (line.status == "writing manifest") fs::remove(blob);
  };
  EXPECT_EQ(pull("hf.co/u/r", hostile_process).error().code, ErrorCode::conflict);
}

TEST_F(PullFilesTest, AServerInTroubleIsAskedAgainButNotForever) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  std::atomic<int> failures{0};
  cdn.refusal = [&](const net::Request& request) {
    return request.headers.get("range") == "bytes=16384-32767" && failures++ < 2 ? 503 : 0;
  };
  ASSERT_TRUE(pull("hf.co/u/r"));
  EXPECT_EQ(failures, 3);

  ASSERT_TRUE(machine.run(store->async_remove("hf.co/u/r")));
  failures = -1'000'000;
  const auto pulled = pull("hf.co/u/r");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(failures, -1'000'000 + 3) << "max_retries is 2";
  EXPECT_THAT(pulled.error().message, HasSubstr("503"));
}

TEST_F(PullFilesTest, AnAddressThatExpiredIsAskedForAgain) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  const auto path = "/u/r/resolve/" + std::string{kCommit} + "/r-Q4_K_M.gguf";
  cdn.files["/fresh"] = bytes;
  std::atomic<int> served{0};
  cdn.refusal = [&](const net::Request& request) {
    if (request.path == "/fresh" || served++ < 4) return 0;
    const std::lock_guard lock{host.mutex};
    host.redirects[path] = cdn_server->origin() + "/fresh";
    return 403;
  };

  const auto pulled = pull("hf.co/u/r");

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_GT(cdn.count("/fresh"), 0U);
}

TEST_F(PullFilesTest, AFileListGoesOnOnTheNextPageOfTheSameHost) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  const auto tree = "/api/models/u/r/tree/" + std::string{kCommit};
  host.files["/more"] = host.files[tree];
  host.files[tree] = "[]";
  host.links[tree] = "</more>; rel=\"next\"";
  ASSERT_TRUE(pull("hf.co/u/r"));

  host.links[tree] = "<" + cdn_server->origin() + "/more>; rel=\"next\"";
  EXPECT_EQ(pull("hf.co/u/r").error().code, ErrorCode::forbidden);
  host.links[tree] = "<" + tree + ">; rel=\"next\"";
  EXPECT_EQ(pull("hf.co/u/r").error().code, ErrorCode::unsupported);
}

TEST_F(PullFilesTest, APullByUrlTakesItsNameFromTheFile) {
  host.files["/d/Tiny-Q4_0.gguf"] = bytes;
  open();

  const auto pulled = pull(server->origin() + "/d/Tiny-Q4_0.gguf?download=1");

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find("Tiny-Q4_0"))->weights_digest, sha256_hex(bytes));
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

TEST_F(PullFilesTest, APullGoesOnWithTheRangesThatAreMissing) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  std::atomic<int> left{6};
  cdn.refusal = [&](const net::Request&) { return left-- > 0 ? 0 : 404; };
  ASSERT_FALSE(pull("hf.co/u/r"));
  const auto partial = home.path() / "blobs" / ("sha256-" + sha256_hex(bytes) + "-partial.state");
  const auto state = PartialState::parse(read_text(partial));
  ASSERT_TRUE(state);
  const auto done = static_cast<std::size_t>(std::ranges::count(state->done, true));
  ASSERT_GT(done, 0U);
  left = 1'000'000;
  cdn.forget_log();

  ASSERT_TRUE(pull("hf.co/u/r"));

  EXPECT_EQ(cdn.count("bytes="), 1 + state->done.size() - done);
}

TEST_F(PullFilesTest, AChangedFileAtAUrlIsNotGluedToTheOldOne) {
  std::atomic<int> left{0};
  host.refusal = [&](const net::Request&) { return left-- > 0 ? 0 : 404; };
  open();
  const auto url = server->origin() + "/t.gguf";
  for (const bool etags : {true, false}) {
    host.etags = etags;
    host.put("/t.gguf", model_bytes(2'000, 8));
    left = 6;
    ASSERT_FALSE(pull(url));
    EXPECT_EQ(leftovers(home.path()).size(), 2U);
    host.put("/t.gguf", bytes);
    left = 1'000'000;

    ASSERT_TRUE(pull(url));

    EXPECT_EQ(machine.run(store->async_find("t"))->weights_digest, sha256_hex(bytes));
    ASSERT_TRUE(machine.run(store->async_remove("t")));
  }
}

TEST_F(PullFilesTest, AResumedBlobThatIsWrongIsFetchedOnceMoreFromZero) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  const auto partial = home.path() / "blobs" / ("sha256-" + sha256_hex(bytes) + "-partial");
  const auto old = PartialState::fresh(bytes.size(), 16 << 10, "");
  write_text(partial, std::string(bytes.size(), 'x'));  // as after a power loss: the state says done, the bytes are not
  write_text(partial.string() + ".state", old.head_line() + PartialState::done_line(0) + PartialState::done_line(1));

  const auto pulled = pull("hf.co/u/r");

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find("hf.co/u/r"))->weights_digest, sha256_hex(bytes));
}

TEST_F(PullFilesTest, ADiskThatIsTooSmallIsSaidBeforeTheFirstByte) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  auto options = small_options(home.path());
  options.hub_endpoint = server->origin();
  options.disk_reserve_bytes = 1ULL << 60;
  store = machine.open(options);

  const auto pulled = pull("hf.co/u/r");

  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, ErrorCode::insufficient_memory);
  EXPECT_THAT(pulled.error().message, HasSubstr("on disk"));
  EXPECT_EQ(cdn.count("/cdn/"), 0U);
}

TEST_F(PullFilesTest, PlainHttpIsForThisMachineOnly) {
  serve({{"r-Q4_K_M.gguf", bytes}});
  // 192.0.2.0/24 is for documentation (RFC 5737); nothing is sent there.
  const auto direct = pull("http://192.0.2.1/x.gguf");
  EXPECT_EQ(direct.error().code, ErrorCode::forbidden);
  EXPECT_THAT(direct.error().message, HasSubstr("without encryption"));

  host.redirects["/x.gguf"] = "http://192.0.2.1/x.gguf";
  EXPECT_EQ(pull(server->origin() + "/x.gguf").error().code, ErrorCode::forbidden);
  host.redirects["/y.gguf"] = "/y.gguf";
  EXPECT_THAT(pull(server->origin() + "/y.gguf").error().message, HasSubstr("circles"));
}

}  // namespace
}  // namespace hearth::models::testing
