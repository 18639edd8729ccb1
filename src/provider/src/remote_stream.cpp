// SPDX-License-Identifier: Apache-2.0
#include "remote_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hearth::provider {
namespace {

constexpr std::chrono::milliseconds kUsageWait{5'000};  // once all choices are complete
constexpr std::chrono::milliseconds kEndWait{250};      // once the protocol's end has come, for the transport's
constexpr std::size_t kEndBytes = 64 * 1024;            // at most, in that time

class RemoteStream final : public EventStream {
 public:
  RemoteStream(RemoteStreamOptions options, std::unique_ptr<net::ClientAnswer> answer,
               std::unique_ptr<AnswerDecoder> decoder)
      : options_{std::move(options)}, answer_{std::move(answer)}, decoder_{std::move(decoder)} {}

  Task<std::optional<inference::Event>> async_next() override {
    while (next_ == events_.size() && !ended_) {
      events_.clear();
      next_ = 0;
      co_await async_more();
    }
    co_return next_at_hand();
  }
  std::optional<inference::Event> next_at_hand() override {
    if (next_ == events_.size()) return std::nullopt;
    return std::move(events_[next_++]);
  }

  std::string_view told_model() const override { return decoder_->model(); }

 private:
  Task<> async_more() {
    const Stage before = decoder_->stage();
    if (before == Stage::ended) co_return co_await async_read_out();
    const bool open = before == Stage::open;
    if (open && options_.deadline.passed(Clock::now())) co_return fail_with(late());
    const Result<std::string_view> piece = co_await answer_->async_read();
    if (open && !piece) co_return fail_with(why(piece.error()));
    if (!piece || piece->empty()) {
      ended_ = true;
      decoder_->finish(events_);
      co_return;
    }
    read_ += piece->size();
    if (open && read_ > options_.max_bytes) {
      co_return fail_with({.code = ErrorCode::upstream_error,
                           .message = fmt::format("{}: the answer is over {} bytes", options_.name, options_.max_bytes),
                           .param = {},
                           .retry_after = {}});
    }
    decoder_->feed(*piece, events_);
    if (!begun_ && std::ranges::any_of(events_, inference::is_content)) {
      begun_ = true;
      answer_->set_deadline(options_.deadline);
    }
    if (open && decoder_->stage() == Stage::complete) {
      answer_->set_deadline(options_.deadline.earlier(Deadline::after(Clock::now(), kUsageWait)));
    }
  }

  /// The answer is there, whatever becomes of the connection. Its end is awaited only as long as that is cheaper than
  /// to connect anew.
  Task<> async_read_out() {
    ended_ = true;
    answer_->set_deadline(Deadline::after(Clock::now(), kEndWait));
    for (std::size_t bytes = 0; bytes < kEndBytes;) {
      const Result<std::string_view> piece = co_await answer_->async_read();
      if (!piece || piece->empty()) co_return;
      bytes += piece->size();
    }
  }

  Error why(const Error& broken) const {
    if (options_.ending != nullptr && *options_.ending) return stopping_error(options_.name);
    return options_.deadline.passed(Clock::now()) ? late() : broken;
  }

  Error late() const {
    return {.code = ErrorCode::deadline_exceeded,
            .message = fmt::format("{}: the deadline passed before the answer was complete", options_.name),
            .param = {},
            .retry_after = {}};
  }

  void fail_with(Error error) {
    ended_ = true;
    events_.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  RemoteStreamOptions options_;
  std::unique_ptr<net::ClientAnswer> answer_;
  std::unique_ptr<AnswerDecoder> decoder_;
  std::vector<inference::Event> events_;  // decoded and not given out yet: from next_ on
  std::size_t next_ = 0;
  std::uint64_t read_ = 0;
  bool ended_ = false;
  bool begun_ = false;  // content has come
};

}  // namespace

Error stopping_error(const std::string& provider) {
  return {.code = ErrorCode::unavailable,
          .message = fmt::format("{}: the server is stopping; try again in a moment", provider),
          .param = {},
          .retry_after = {}};
}

EventStreamPtr make_remote_stream(RemoteStreamOptions options, std::unique_ptr<net::ClientAnswer> answer,
                                  std::unique_ptr<AnswerDecoder> decoder) {
  return std::make_unique<RemoteStream>(std::move(options), std::move(answer), std::move(decoder));
}

}  // namespace hearth::provider
