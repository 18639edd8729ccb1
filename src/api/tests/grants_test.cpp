// SPDX-License-Identifier: Apache-2.0
// A key that grants some models: what this machine does past the router knows of it too.
#include <filesystem>

#include "api_fixture.hpp"
#include "hearth/base/id.hpp"
#include "hearth/identity/key_store.hpp"

namespace hearth::api::test {
namespace {

/// Keys in a folder of its own, and a router that knows of no target and the route "auto".
class Grants : public ApiTest {
 protected:
  Grants() : home_{std::filesystem::temp_directory_path() / random_id("hearth-grants-")} {
    std::filesystem::create_directories(home_);
    store.models = {FakeStore::model("a:latest"), FakeStore::model("b:latest")};
    router::Table table;
    table.targets.push_back({.name = "local/b", .model = "b", .local = &engine});
    table.routes.push_back({.name = "auto", .targets = {0}});
    router = router::Router::create({.local = &engine}, std::make_shared<const router::Table>(std::move(table)));
  }
  ~Grants() override { std::filesystem::remove_all(home_); }

  std::string key_of(std::vector<std::string> models, identity::Scopes scopes = 1) {
    const identity::Principal who{.name = "ann", .models = std::move(models), .scopes = scopes};
    std::string key{identity::KeyStore::open(home_)->create(who, {}, WallClock::now()).value().key.reveal()};
    if (!authenticator_) authenticator_ = std::make_unique<identity::Authenticator>(home_);
    EXPECT_TRUE(authenticator_->refresh());
    auth = authenticator_.get();
    return key;
  }

  FakeResponder with_key(const std::string& key, const std::string& method, const std::string& path, const Json& body,
                         const char* route = nullptr) {
    net::Request r = request(method, path, method == "GET" ? "" : body.dump());
    r.headers.add("x-api-key", key);
    if (route != nullptr) r.headers.add("x-hearth-route", route);
    if (method == "GET" && body.contains("model")) r.query.emplace("model", body["model"].get<std::string>());
    FakeResponder responder;
    run(r, responder);
    return responder;
  }

 private:
  std::filesystem::path home_;
  std::unique_ptr<identity::Authenticator> authenticator_;
};

struct Direct {
  const char* method;
  const char* path;
  const char* body;
};
const std::vector<Direct> kDirect{
    {"POST", "/api/show", "{}"},
    {"POST", "/api/generate", "{}"},
    {"POST", "/api/generate", R"({"prompt":"x"})"},
    {"POST", "/api/generate", R"({"prompt":"x","think":true})"},
    {"POST", "/api/chat", R"({"messages":[]})"},
    {"POST", "/api/embed", R"({"input":[]})"},
    {"POST", "/api/embeddings", "{}"},
    {"GET", "/props", "{}"},
    {"GET", "/slots", "{}"},
    {"POST", "/tokenize", R"({"content":"x"})"},
    {"POST", "/detokenize", R"({"tokens":[1]})"},
    {"POST", "/apply-template", R"({"messages":[{"role":"user","content":"x"}]})"},
    {"POST", "/v1/messages/count_tokens", R"({"messages":[{"role":"user","content":"x"}]})"},
    {"POST", "/v1/chat/completions/input_tokens", R"({"messages":[{"role":"user","content":"x"}]})"},
    {"POST", "/v1/responses/input_tokens", R"({"input":"x"})"},
    {"POST", "/v1/completions", R"({"prompt":[1],"echo":true})"},
};

TEST_F(Grants, CoverWhatThisMachineDoesPastTheRouter) {
  const std::string key = key_of({"local/a"});
  for (const Direct& direct : kDirect) {
    for (const char* name : {"b", "b:latest", "local/b"}) {
      Json body = Json::parse(direct.body);
      body["model"] = name;
      const FakeResponder got = with_key(key, direct.method, direct.path, body);
      EXPECT_EQ(got.status, 403) << direct.path << " " << body << got.body;
    }
  }
  EXPECT_EQ(
      with_key(key, "POST", "/v1beta/models/b:countTokens", Json::parse(R"({"contents":[{"parts":[{"text":"x"}]}]})"))
          .status,
      403);
  EXPECT_EQ(with_key(key, "GET", "/v1/models/b", {}).status, 403);
  EXPECT_EQ(with_key(key, "GET", "/v1beta/models/b", {}).status, 403);
  EXPECT_TRUE(engine.loaded.empty() && engine.tokenized.empty() && engine.chats.empty());
}

TEST_F(Grants, AreNotGotAroundByNamingARoute) {
  const std::string key = key_of({"local/a"});
  EXPECT_EQ(with_key(key, "POST", "/tokenize", {{"model", "b"}, {"content", "x"}}, "auto").status, 403);
  EXPECT_EQ(with_key(key, "POST", "/api/generate", {{"model", "b"}}, "auto").status, 403);
  EXPECT_TRUE(engine.loaded.empty() && engine.tokenized.empty());
}

TEST_F(Grants, LetThroughWhatTheyNameUnderEachOfItsNames) {
  const std::string key = key_of({"local/a"});
  for (const char* name : {"a", "a:latest", "local/a", "local/a:latest"}) {
    EXPECT_EQ(with_key(key, "POST", "/tokenize", {{"model", name}, {"content", "x"}}).status, 200) << name;
    EXPECT_EQ(with_key(key, "POST", "/api/show", {{"model", name}}).status, 200) << name;
    EXPECT_EQ(with_key(key, "GET", std::string{"/v1/models/"} + name, {}).status, 200) << name;
  }
}

TEST_F(Grants, ListsShowNothingElse) {
  engine.running_now = {{.name = "a:latest"}, {.name = "b:latest"}};
  const std::string key = key_of({"local/a"});
  const auto names = [](const Json& list, const char* field) {
    std::vector<std::string> out;
    for (const Json& one : list) out.push_back(one[field]);
    return out;
  };
  const std::vector<std::string> only{"a:latest"};
  EXPECT_EQ(names(Json::parse(with_key(key, "GET", "/api/ps", {}).body)["models"], "name"), only);
  EXPECT_EQ(names(Json::parse(with_key(key, "GET", "/api/tags", {}).body)["models"], "name"), only);
  EXPECT_EQ(names(Json::parse(with_key(key, "GET", "/v1/models", {}).body)["data"], "id"), only);
  const std::string routed = key_of({"auto"});
  EXPECT_EQ(names(Json::parse(with_key(routed, "GET", "/v1/models", {}).body)["data"], "id"),
            std::vector<std::string>{"auto"});
}

TEST_F(Grants, AlsoWithoutARouterToCheckThem) {
  router.reset();
  const std::string key = key_of({"local/a"});
  EXPECT_EQ(
      with_key(key, "POST", "/api/chat", Json::parse(R"({"model":"b","messages":[{"role":"user","content":"x"}]})"))
          .status,
      403);
}

TEST_F(Grants, ATemplateInARequestNeedsAKeyThatMayManage) {
  const Json body{{"model", "a"}, {"prompt", "x"}, {"stream", false}, {"template", "{{ .Prompt }}"}};
  const FakeResponder refused = with_key(key_of({}), "POST", "/api/generate", body);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("scope manage"), std::string::npos);
  engine.scripts = {says({"x"})};
  EXPECT_EQ(with_key(key_of({}, 3), "POST", "/api/generate", body).status, 200);
}

TEST_F(Grants, AnthropicsClientsSeeRoutesToo) {
  const std::string key = key_of({});
  const auto ask_as_anthropic = [&](const std::string& path) {
    net::Request r = request("GET", path);
    r.headers.add("x-api-key", key);
    r.headers.add("anthropic-version", "2023-06-01");
    FakeResponder responder;
    run(r, responder);
    return responder;
  };
  const Json list = Json::parse(ask_as_anthropic("/v1/models").body);
  EXPECT_EQ(list["last_id"], "auto");
  EXPECT_EQ(list["data"].size(), 3U);
  EXPECT_EQ(Json::parse(ask_as_anthropic("/v1/models/auto").body)["type"], "model");
  const FakeResponder missing = ask_as_anthropic("/v1/models/none");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Json::parse(missing.body)["type"], "error") << missing.body;
}

}  // namespace
}  // namespace hearth::api::test
