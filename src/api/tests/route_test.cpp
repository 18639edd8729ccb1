// SPDX-License-Identifier: Apache-2.0
#include "route.hpp"

#include "api_fixture.hpp"
#include "route_origin.hpp"

namespace hearth::api {
namespace {

class RouteTest : public test::ApiTest {};
using test::FakeStore;
using test::Json;

TEST(MatchPattern, TakesOneSegmentOrTheRest) {
  EXPECT_EQ(match_pattern("/v1/models", "/v1/models"), "");
  EXPECT_EQ(match_pattern("/v1/models", "/v1/models/"), std::nullopt);
  EXPECT_EQ(match_pattern("/v1/models/{id*}", "/v1/models/hf.co/a/b:Q4"), "hf.co/a/b:Q4");
  EXPECT_EQ(match_pattern("/v1/models/{id*}", "/v1/models/"), std::nullopt);
  EXPECT_EQ(match_pattern("/v1/responses/{id}", "/v1/responses/resp_1"), "resp_1");
  EXPECT_EQ(match_pattern("/v1/responses/{id}", "/v1/responses/resp_1/cancel"), std::nullopt);
  EXPECT_EQ(match_pattern("/v1/responses/{id}/cancel", "/v1/responses/resp_1/cancel"), "resp_1");
}

TEST_F(RouteTest, ListsModelsWithTheirIds) {
  store.models = {FakeStore::model("hf.co/a/b:Q4_K_M"), FakeStore::model("small:latest")};
  const auto answer = ask("GET", "/v1/models");

  ASSERT_EQ(answer.status, 200);
  const Json body = Json::parse(answer.body);
  EXPECT_EQ(body["object"], "list");
  ASSERT_EQ(body["data"].size(), 2U);
  EXPECT_EQ(body["data"][0]["id"], "hf.co/a/b:Q4_K_M");
  EXPECT_EQ(body["data"][0]["object"], "model");
  EXPECT_EQ(body["data"][0]["created"], 1'700'000'000);
  EXPECT_EQ(body["data"][0]["owned_by"], "hearth");
}

TEST_F(RouteTest, AnthropicsClientsGetTheirOwnModelList) {
  store.models = {FakeStore::model("small:latest")};
  const Json list = Json::parse(ask("GET", "/v1/models", {}, {{"anthropic-version", "2023-06-01"}}).body);
  EXPECT_EQ(list["data"][0]["type"], "model");
  const Json one = Json::parse(ask("GET", "/v1/models/small:latest", {}, {{"anthropic-version", "2023-06-01"}}).body);
  EXPECT_EQ(one["id"], "small:latest");
  EXPECT_EQ(one["type"], "model");
}

TEST_F(RouteTest, FindsAModelWhoseIdHasSlashesAndColons) {
  store.models = {FakeStore::model("hf.co/a/b:Q4_K_M")};
  EXPECT_EQ(Json::parse(ask("GET", "/v1/models/hf.co/a/b:Q4_K_M").body)["id"], "hf.co/a/b:Q4_K_M");
  const auto missing = ask("GET", "/v1/models/none");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Json::parse(missing.body)["error"]["param"], "model");
  EXPECT_EQ(Json::parse(missing.body)["error"]["code"], "model_not_found");
}

TEST_F(RouteTest, AnUnknownPathIsA404InTheStyleOfItsApiWithTheNearestRoute) {
  const auto openai = ask("GET", "/v1/modles");
  EXPECT_EQ(openai.status, 404);
  EXPECT_EQ(Json::parse(openai.body)["error"]["message"], "there is no GET /v1/modles here; did you mean /v1/models?");
  EXPECT_EQ(Json::parse(openai.body)["error"]["type"], "not_found_error");
  EXPECT_TRUE(Json::parse(ask("GET", "/api/nothing-like-this-at-all").body)["error"].is_string());
  EXPECT_EQ(Json::parse(ask("GET", "/v1/messages/nothing-like-this-at-all").body)["type"], "error");
  EXPECT_EQ(Json::parse(ask("GET", "/nothing-like-this-at-all").body)["error"]["code"], 404);
  EXPECT_EQ(records.back().route, "-");
}

TEST_F(RouteTest, AWrongMethodIsA405WithAllow) {
  const auto answer = ask("PATCH", "/v1/models");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD");
  EXPECT_EQ(records.at(0).status, 405);
}

TEST_F(RouteTest, EveryAnswerCarriesItsRequestId) {
  const auto answer = ask("GET", "/v1/models");
  EXPECT_TRUE(answer.header("x-request-id").starts_with("req_"));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].id, answer.header("x-request-id"));
  EXPECT_EQ(records[0].route, "/v1/models");
  EXPECT_EQ(records[0].status, 200);
}

TEST_F(RouteTest, WorkIsRefusedWhileShuttingDown) {
  draining = true;
  EXPECT_EQ(ask("GET", "/v1/models").status, 200);
  const auto refused = post("/v1/chat/completions", Json::object());
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "5");
}

TEST_F(RouteTest, AnExceptionIsA500ThatTheLogExplains) {
  engine.scripts = {{.throws = true}};
  const auto answer =
      post("/v1/chat/completions", {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}});
  EXPECT_EQ(answer.status, 500);
  const std::string message = Json::parse(answer.body)["error"]["message"];
  EXPECT_EQ(message, "the server failed on this request; its log has " + records.at(0).id);
}

TEST(Loopback, KnowsWhichAuthoritiesAreThisMachine) {
  for (const char* yes :
       {"localhost", "LOCALHOST:4327", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:4327", "a.localhost"}) {
    EXPECT_TRUE(is_loopback_authority(yes)) << yes;
  }
  for (const char* no :
       {"", "example.com", "localhost.example.com", "127.0.0.1.example.com", "127.0.0", "127.0.0.1:99999999", "[::2]",
        "[::1", "[::1]x", "localhost:80@evil", "10.0.0.1", "127.0.0.1.1"}) {
    EXPECT_FALSE(is_loopback_authority(no)) << no;
  }
}

TEST_F(RouteTest, ANameOfTheWebThatPointsHereIsRefused) {
  EXPECT_EQ(ask("GET", "/v1/models", {}, {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(ask("GET", "/v1/models", {}, {{"Host", "localhost:4327"}}).status, 200);
}

TEST_F(RouteTest, ReflectsLoopbackOriginsAndRefusesOthers) {
  const auto good = ask("GET", "/v1/models", {}, {{"Origin", "http://localhost:3000"}});
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.header("Access-Control-Allow-Origin"), "http://localhost:3000");
  const auto bad = ask("GET", "/v1/models", {}, {{"Origin", "https://evil.example"}});
  EXPECT_EQ(bad.status, 403);
  EXPECT_EQ(bad.header("Access-Control-Allow-Origin"), "");
}

TEST_F(RouteTest, AnswersAPreflight) {
  const auto answer = ask("OPTIONS", "/v1/models", {},
                          {{"Origin", "http://127.0.0.1:3000"}, {"Access-Control-Request-Headers", "authorization"}});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "authorization");
}

TEST_F(RouteTest, BlobUploadsAreSpooledAndOtherBodiesBounded) {
  const net::BodyPlanner plan = make_body_planner(services());
  const auto chat = plan(request("POST", "/v1/chat/completions"));
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->max_bytes, limits.max_body_bytes);
  EXPECT_TRUE(chat->spool_path.empty());
  net::Request upload = request("POST", "/api/blobs/sha256:" + std::string(64, 'b'));
  const auto blob = plan(upload);
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->max_bytes, limits.max_blob_bytes);
  EXPECT_TRUE(blob->spool_path.starts_with("/nonexistent/spool/upload-")) << blob->spool_path;
  EXPECT_NE(plan(upload)->spool_path, blob->spool_path) << "two uploads of one blob at once";
}

TEST(RenderError, SpeaksTheLanguageOfThePath) {
  const Error error{ErrorCode::payload_too_large, "too big", {}, std::chrono::seconds{3}};
  const auto [headers, body] = render_error(error, "/api/chat");
  EXPECT_EQ(body, R"({"error":"too big"})");
  EXPECT_EQ(headers.get("Retry-After"), "3");
  EXPECT_EQ(Json::parse(render_error(error, "/v1/messages").second)["error"]["type"], "request_too_large");
}

}  // namespace
}  // namespace hearth::api
