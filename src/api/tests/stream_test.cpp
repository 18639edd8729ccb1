// SPDX-License-Identifier: Apache-2.0
#include "api_fixture.hpp"
#include "stream_writer.hpp"

namespace hearth::api {
namespace {

using namespace test;
using inference::FinishReason;

class StreamTest : public ApiTest {
 protected:
  Json chat{{"model", "m"}, {"stream", true}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
};

TEST_F(StreamTest, AFailureBeforeTheFirstEventIsAPlainHttpError) {
  engine.scripts = {{.error = Error{ErrorCode::rate_limited, "full", {}, std::chrono::seconds{7}}}};
  auto answer = post("/v1/chat/completions", chat);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "7");
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "rate_limit_exceeded");

  engine.scripts = {{.events = {failed(ErrorCode::context_too_long, "too long")}}};
  answer = post("/v1/chat/completions", chat);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(records.back().error, ErrorCode::context_too_long);
}

TEST_F(StreamTest, AFailureInTheMiddleIsAnErrorEventAndNoDone) {
  engine.scripts = {{.events = {prompt_done(1), text("a"), failed(ErrorCode::internal, "broke")}}};
  const auto answer = post("/v1/chat/completions", chat);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.finished);
  const auto data = sse_data(answer.body);
  EXPECT_EQ(data.back()["error"]["message"], "broke");
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
  EXPECT_EQ(records.back().error, ErrorCode::internal);
}

TEST_F(StreamTest, EventsThatAreThereAlreadyGoOutTogether) {
  engine.scripts = {says({"a", "b", "c", "d"})};
  const auto answer = post("/v1/chat/completions", chat);
  EXPECT_EQ(sse_data(answer.body).size(), 6U);
  EXPECT_LE(answer.pieces.size(), 2U);
}

TEST_F(StreamTest, ASlowClientIsNotReadAheadOfWithoutBound) {
  std::vector<std::string> pieces(kMaxEventsAhead * 3, "x");
  engine.scripts = {says(pieces)};
  const auto answer = post("/v1/chat/completions", chat);
  EXPECT_GE(answer.pieces.size(), 3U);
  EXPECT_EQ(sse_data(answer.body).size(), pieces.size() + 2);
}

TEST_F(StreamTest, SilenceIsFilledWithCommentsAndTheAnswerGoesOn) {
  limits.keep_alive = std::chrono::milliseconds{1};
  Script script = says({"a", "b"});
  script.hold_at = 2;
  engine.scripts = {script};
  net::Request r = request("POST", "/v1/chat/completions", chat.dump());
  FakeResponder responder;
  responder.on_write = [&](std::size_t writes) {
    if (writes == 4) engine.release();
  };
  run(r, responder);

  EXPECT_NE(responder.body.find(": keep-alive\n\n: keep-alive\n\n"), std::string::npos) << responder.body;
  EXPECT_TRUE(responder.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(sse_data(responder.body).size(), 4U);
  EXPECT_TRUE(responder.finished);
}

TEST_F(StreamTest, SilenceBeforeTheFirstEventBeginsTheAnswer) {
  limits.keep_alive = std::chrono::milliseconds{1};
  Script script{.events = {failed(ErrorCode::internal, "late")}, .hold_at = 0};
  engine.scripts = {script};
  net::Request r = request("POST", "/v1/chat/completions", chat.dump());
  FakeResponder responder;
  responder.on_write = [&](std::size_t) { engine.release(); };
  run(r, responder);

  EXPECT_EQ(responder.status, 200);
  EXPECT_EQ(responder.pieces.front(), ": keep-alive\n\n");
  EXPECT_EQ(sse_data(responder.body).back()["error"]["message"], "late");
}

TEST_F(StreamTest, AClientThatIsGoneEndsTheStream) {
  Script script = says({"a", "b", "c"});
  script.hold_at = 2;
  engine.scripts = {script};
  limits.keep_alive = std::chrono::milliseconds{1};
  net::Request r = request("POST", "/v1/chat/completions", chat.dump());
  FakeResponder responder;
  responder.gone_after = 1;
  run(r, responder);

  EXPECT_FALSE(responder.finished);
  EXPECT_EQ(engine.streams_alive, 0);
  EXPECT_EQ(records.back().status, 499);
  EXPECT_EQ(records.back().error, ErrorCode::cancelled);
}

TEST_F(StreamTest, CancellationOfTheHandlerDestroysTheStreamAndIsRecorded) {
  for (const bool stream : {true, false}) {
    chat["stream"] = stream;
    Script script = says({"a", "b"});
    script.hold_at = 1;
    engine.scripts = {script};
    net::Request r = request("POST", "/v1/chat/completions", chat.dump());
    FakeResponder responder;
    asio::cancellation_signal signal;
    bool ended = false;
    asio::co_spawn(io, handler()(r, responder),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { ended = true; }));
    io.restart();
    while (io.poll() > 0) {
    }
    EXPECT_EQ(engine.streams_alive, 1);
    signal.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(engine.streams_alive, 0);
    EXPECT_EQ(records.back().error, ErrorCode::cancelled);
  }
}

TEST_F(StreamTest, TheRecordHasTokensAndTheModel) {
  engine.scripts = {says({"a", "b"})};
  post("/v1/chat/completions", chat);
  const RequestRecord& record = records.back();
  EXPECT_EQ(record.model, "m");
  EXPECT_EQ(record.route, "/v1/chat/completions");
  EXPECT_EQ(record.usage.prompt_tokens, 5);
  EXPECT_EQ(record.usage.completion_tokens, 2);
  EXPECT_TRUE(record.streamed);
  EXPECT_TRUE(record.first_token.has_value());
  EXPECT_EQ(record.status, 200);
}

}  // namespace
}  // namespace hearth::api
