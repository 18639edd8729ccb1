// SPDX-License-Identifier: Apache-2.0
#include "remote_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hearth::provider {
namespace {

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
    if (options_.deadline.passed(Clock::now())) co_return fail_with(late());
    const Result<std::string_view> piece = co_await answer_->async_read();
    if (!piece) co_return fail_with(why(piece.error()));
    if (piece->empty()) {
      ended_ = true;
      decoder_->finish(events_);
      co_return;
    }
    read_ += piece->size();
    if (read_ > options_.max_bytes) {
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
