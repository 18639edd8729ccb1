// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"
#include "ollama_progress.hpp"

namespace hearth::api::test {
namespace {

class OllamaStore : public ApiTest {
 protected:
  const std::string digest = "sha256:" + std::string(64, 'b');

  models::Progress at(std::uint64_t completed) {
    return {.status = "pulling bbbb", .digest = digest, .total = 100, .completed = completed};
  }
};

/// Goes on only when the reader has been given a chance to read, as a real pull does.
class StepwiseStore : public FakeStore {
 public:
  Task<Result<>> async_pull(std::string name, bool, models::OnProgress on_progress) override {
    pulled.push_back(std::move(name));
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (const models::Progress& step : progress) {
      on_progress(step);
      co_await asio::post(executor, asio::use_awaitable);
      ++steps;
    }
    co_return outcome;
  }
  int steps = 0;
};

TEST_F(OllamaStore, PullReportsProgressAndThenSuccess) {
  store.progress = {{.status = "pulling manifest", .digest = {}}, at(40), {.status = "success", .digest = {}}};

  const FakeResponder got = post("/api/pull", {{"model", "a"}});

  EXPECT_EQ(got.header("content-type"), "application/x-ndjson");
  const auto lines = ndjson_lines(got.body);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], Json::parse(R"({"status":"pulling manifest"})"));
  EXPECT_EQ(lines[1]["completed"], 40);
  EXPECT_EQ(lines[2], Json::parse(R"({"status":"success"})"));
  EXPECT_TRUE(got.finished);
}

TEST_F(OllamaStore, ProgressThatNobodyHasReadYetFolds) {
  store.progress = {at(10), at(20), at(30)};

  const auto lines = ndjson_lines(post("/api/pull", {{"model", "a"}}).body);

  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["completed"], 30);
}

TEST_F(OllamaStore, ProgressBeyondTheBoundIsDroppedAndTheResultIsNot) {
  for (std::size_t i = 0; i < ollama::kMaxWaitingProgress + 10; ++i) {
    store.progress.push_back({.status = "layer " + std::to_string(i), .digest = {}});
  }

  const auto lines = ndjson_lines(post("/api/pull", {{"model", "a"}}).body);

  EXPECT_EQ(lines.size(), ollama::kMaxWaitingProgress + 1);
  EXPECT_EQ(lines.back()["status"], "success");
}

TEST_F(OllamaStore, AFailureBeforeAnyProgressHasItsStatus) {
  store.outcome = hearth::fail(ErrorCode::not_found, "no such model");

  const FakeResponder got = post("/api/pull", {{"model", "a"}});

  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(got.body, R"({"error":"no such model"})");
}

TEST_F(OllamaStore, AFailureAfterProgressIsALine) {
  store.progress = {at(10)};
  store.outcome = hearth::fail(ErrorCode::corrupt_data, "digest mismatch");

  const FakeResponder got = post("/api/pull", {{"model", "a"}});

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(ndjson_lines(got.body).back(), Json::parse(R"({"error":"digest mismatch"})"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].error, ErrorCode::corrupt_data);
}

TEST_F(OllamaStore, UnstreamedPullsAnswerOnce) {
  store.progress = {at(10)};

  const FakeResponder got = post("/api/pull", {{"name", "a"}, {"stream", false}});

  EXPECT_EQ(Json::parse(got.body), Json::parse(R"({"status":"success"})"));
  EXPECT_EQ(store.pulled, std::vector<std::string>{"a"});
}

TEST_F(OllamaStore, AReaderThatGoesAwayCancelsThePull) {
  StepwiseStore stepwise;
  for (std::uint64_t i = 0; i < 50; ++i) {
    stepwise.progress.push_back({.status = "layer " + std::to_string(i), .digest = {}});
  }
  Services s{.engine = engine, .store = stepwise, .version = "t"};
  const net::Handler handler = make_handler(std::move(s));
  net::Request pull = request("POST", "/api/pull", R"({"model":"a"})");
  FakeResponder responder;
  responder.gone_after = 2;

  bool threw = false;
  asio::co_spawn(io, handler(pull, responder), [&](const std::exception_ptr& e) { threw = e != nullptr; });
  io.run();

  EXPECT_TRUE(threw);
  EXPECT_LT(stepwise.steps, 50);
}

TEST_F(OllamaStore, CreatesFromFieldsOfTheRequest) {
  const FakeResponder got = post("/api/create", Json::parse(R"({"model":"mine","from":"base","system":"S",
    "template":"T","license":"L","parameters":{"temperature":0.5,"stop":["a","b"]},"quantize":"q4_K_M",
    "messages":[{"role":"user","content":"hi"}],"stream":false,"adapters":{"x.gguf":")" +
                                                            digest + R"("}})"));

  ASSERT_EQ(got.status, 200) << got.body;
  const models::CreateRequest& made = store.created.at(0);
  EXPECT_EQ(made.name, "mine");
  EXPECT_EQ(made.from, "base");
  EXPECT_EQ(made.system, "S");
  EXPECT_EQ(made.template_text, "T");
  EXPECT_EQ(made.licenses, std::vector<std::string>{"L"});
  EXPECT_EQ(made.parameters, (models::Parameters{{"temperature", "0.5"}, {"stop", "a"}, {"stop", "b"}}));
  EXPECT_EQ(made.quantize, "q4_K_M");
  EXPECT_EQ(made.messages.at(0).content, "hi");
  EXPECT_EQ(made.adapters.at(0), (std::pair<std::string, std::string>{"x.gguf", digest}));
}

TEST_F(OllamaStore, CopiesAndDeletes) {
  EXPECT_EQ(post("/api/copy", {{"source", "a"}, {"destination", "b"}}).status, 200);
  EXPECT_EQ(ask("DELETE", "/api/delete", R"({"model":"a"})").status, 200);
  store.outcome = hearth::fail(ErrorCode::not_found, "no such model");
  EXPECT_EQ(ask("DELETE", "/api/delete", R"({"model":"c"})").status, 404);

  EXPECT_EQ(store.copied.at(0), (std::pair<std::string, std::string>{"a", "b"}));
  EXPECT_EQ(store.removed, (std::vector<std::string>{"a", "c"}));
}

TEST_F(OllamaStore, TakesBlobsByDigest) {
  EXPECT_EQ(ask("HEAD", "/api/blobs/" + digest).status, 404);
  EXPECT_EQ(ask("POST", "/api/blobs/" + digest).status, 400) << "no body";
  const auto upload = [&] {
    net::Request blob = request("POST", "/api/blobs/" + digest);
    blob.spooled = "/spool/upload-1";
    FakeResponder got;
    run(blob, got);
    return got.status;
  };
  EXPECT_EQ(upload(), 201);
  store.outcome = hearth::fail(ErrorCode::corrupt_data, "the file's sha256 is another");
  EXPECT_EQ(upload(), 400);
  store.blobs = {digest};
  EXPECT_EQ(ask("HEAD", "/api/blobs/" + digest).status, 200);
  ASSERT_FALSE(store.added_blobs.empty());
  EXPECT_EQ(store.added_blobs.at(0).first, digest);
  EXPECT_EQ(store.added_blobs.at(0).second, "/spool/upload-1");
}

TEST_F(OllamaStore, OnlyThisMachineMayChangeTheStore) {
  const std::pair<const char*, const char*> routes[] = {
      {"POST", "/api/pull"},     {"POST", "/api/push"},           {"POST", "/api/create"},        {"POST", "/api/copy"},
      {"DELETE", "/api/delete"}, {"HEAD", "/api/blobs/sha256:x"}, {"POST", "/api/blobs/sha256:x"}};
  for (const auto& [method, path] : routes) {
    net::Request stranger = request(method, path, R"({"model":"a"})");
    stranger.peer = "10.0.0.7:4000";
    FakeResponder got;
    run(stranger, got);
    EXPECT_EQ(got.status, 403) << path;
  }
  EXPECT_TRUE(store.pulled.empty());
}

TEST_F(OllamaStore, AnUploadOfAStrangerIsRefusedBeforeItsBody) {
  const net::BodyPlanner planner = make_body_planner(services());
  net::Request mine = request("POST", "/api/blobs/" + digest);
  net::Request stranger = mine;
  stranger.peer = "10.0.0.7:4000";

  const auto allowed = planner(mine);
  const auto refused = planner(stranger);

  net::Request nonsense = request("POST", "/api/blobs/sha256:zz");
  const auto no_digest = planner(nonsense);

  EXPECT_FALSE(no_digest);
  ASSERT_TRUE(allowed);
  EXPECT_FALSE(allowed->spool_path.empty());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::forbidden);
}

}  // namespace
}  // namespace hearth::api::test
