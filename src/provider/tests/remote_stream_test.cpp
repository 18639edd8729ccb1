// SPDX-License-Identifier: Apache-2.0
// What becomes of an answer when its connection ends, well or badly.
#include "remote_stream.hpp"

#include <gmock/gmock.h>

#include <deque>

namespace hearth::provider {
namespace {

using ::testing::ElementsAre;

/// Gives out its pieces; then ends, or breaks off.
class FakeAnswer final : public net::ClientAnswer {
 public:
  FakeAnswer(std::deque<std::string> pieces, bool breaks, Deadline& deadline)
      : pieces_{std::move(pieces)}, breaks_{breaks}, deadline_{deadline} {}
  const net::ClientResponse& head() const noexcept override { return head_; }
  void set_deadline(Deadline deadline) override { deadline_ = deadline; }
  Task<Result<std::string_view>> async_read() override {
    if (pieces_.empty()) {
      if (breaks_) co_return fail(ErrorCode::upstream_unavailable, "broke off");
      co_return std::string_view{};
    }
    piece_ = std::move(pieces_.front());
    pieces_.pop_front();
    co_return std::string_view{piece_};
  }

 private:
  net::ClientResponse head_;
  std::deque<std::string> pieces_;
  std::string piece_;
  bool breaks_;
  Deadline& deadline_;
};

const std::string kText = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const std::string kReason = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

struct Got {
  std::string text;
  std::vector<std::string> ends;  // "finished" or the error's message
  std::int64_t prompt_tokens = 0;
  Deadline deadline;  // the last that the connection was given
};

Task<> pull(EventStreamPtr stream, Got& got) {
  while (const auto event = co_await stream->async_next()) {
    if (const auto* text = std::get_if<inference::TextDelta>(&event->body)) got.text += text->text;
    if (const auto* failed = std::get_if<inference::Failed>(&event->body)) got.ends.push_back(failed->error.message);
    if (const auto* finished = std::get_if<inference::Finished>(&event->body)) {
      got.ends.emplace_back("finished");
      got.prompt_tokens = finished->usage.prompt_tokens;
    }
  }
}

Got got(std::deque<std::string> pieces, bool breaks, Deadline deadline = {}) {
  Got got;
  asio::io_context io;
  auto answer = std::make_unique<FakeAnswer>(std::move(pieces), breaks, got.deadline);
  auto decoder = make_openai_protocol(Dialect::openai)->chat_decoder(1);
  auto stream = make_remote_stream({.name = "up", .max_bytes = 1000, .deadline = deadline}, std::move(answer),
                                   std::move(decoder));
  asio::co_spawn(io, pull(std::move(stream), got), asio::detached);
  io.run();
  return got;
}

TEST(RemoteStream, AnAnswerThatIsThereStandsWhateverBecomesOfTheConnection) {
  for (const bool breaks : {false, true}) {
    const Got whole = got({kText, kReason + kUsage, kDone}, breaks);
    EXPECT_EQ(whole.text, "hi");
    EXPECT_THAT(whole.ends, ElementsAre("finished")) << breaks;
    EXPECT_EQ(whole.prompt_tokens, 3);
    const Got unmarked = got({kText, kReason, kUsage}, breaks);
    EXPECT_THAT(unmarked.ends, ElementsAre("finished")) << breaks;
    EXPECT_EQ(unmarked.prompt_tokens, 3);
  }
}

TEST(RemoteStream, TheTransportsEndIsNotAwaitedForLong) {
  using std::chrono::seconds;
  const auto now = Clock::now();
  EXPECT_FALSE(got({kText}, false).deadline.passed(now + seconds{3600}));
  EXPECT_TRUE(got({kText, kReason}, true).deadline.passed(now + seconds{30}));
  EXPECT_TRUE(got({kText, kReason, kDone}, true).deadline.passed(now + seconds{20}));
  EXPECT_LT(got({kText, kReason, kDone}, true).deadline.at() - Clock::now(), seconds{1});
}

TEST(RemoteStream, WhatFollowsTheEndIsReadForTheConnectionsSakeButNotForEver) {
  std::deque<std::string> pieces{kText + kReason + kDone};
  for (int i = 0; i < 1000; ++i) pieces.emplace_back(1024, '\n');
  EXPECT_THAT(got(std::move(pieces), true).ends, ElementsAre("finished"));
}

TEST(RemoteStream, AnAnswerThatIsNotThereFails) {
  EXPECT_THAT(got({kText}, true).ends, ElementsAre("broke off"));
  EXPECT_THAT(got({kText}, false).ends, ElementsAre("the stream ended before the answer did"));
  EXPECT_THAT(got({kText + std::string(1000, '\n')}, false).ends, ElementsAre("up: the answer is over 1000 bytes"));
  const Deadline past = Deadline::after(Clock::now(), std::chrono::seconds{-1});
  EXPECT_THAT(got({kText, kReason, kDone}, false, past).ends,
              ElementsAre("up: the deadline passed before the answer was complete"));
}

}  // namespace
}  // namespace hearth::provider
