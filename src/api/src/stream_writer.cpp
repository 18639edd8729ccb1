// SPDX-License-Identifier: Apache-2.0
#include "stream_writer.hpp"

#include <deque>

#include "hearth/base/log.hpp"

namespace hearth::api {
namespace {

using inference::Event;
using inference::Failed;

/// Between the coroutines that read the streams and the one that writes: all on one executor, so no lock.
struct Ahead {
  explicit Ahead(const asio::any_io_executor& executor)
      : ready{executor, asio::steady_timer::time_point::max()},
        space{executor, asio::steady_timer::time_point::max()} {}

  std::deque<Event> events;
  bool ended = false;        // nothing will be pushed any more
  asio::steady_timer ready;  // cancelled when events or ended changed
  asio::steady_timer space;  // cancelled when events were taken
};

Task<> async_pump(StreamSource& source, Ahead& ahead) {
  try {
    while (auto event = co_await source.stream->async_next()) {
      event->choice += source.first_choice;
      ahead.events.push_back(*std::move(event));
      ahead.ready.cancel();
      if (std::holds_alternative<Failed>(ahead.events.back().body)) co_return;
      while (ahead.events.size() >= kMaxEventsAhead) co_await ahead.space.async_wait(use_tuple);
    }
    co_return;
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) co_return;  // the writer or the client ended it
    log::error("api.stream_failed", {{"reason", e.what()}});
  } catch (const std::exception& e) {
    log::error("api.stream_failed", {{"reason", e.what()}});
  }
  // By value: an exception would leave the writer waiting (operator|| waits for a success).
  Event event{source.first_choice, Failed{Error{ErrorCode::internal, "the answer could not be finished", {}, {}}}};
  ahead.events.push_back(std::move(event));
  ahead.ready.cancel();
}

/// All of [first, last) at the same time: a binary tree of pairs, since && takes two.
Task<> async_pump_all(StreamSource* first, StreamSource* last, Ahead& ahead) {
  using namespace asio::experimental::awaitable_operators;
  if (last - first == 1) {
    co_await async_pump(*first, ahead);
  } else if (last - first > 1) {
    StreamSource* const middle = first + (last - first) / 2;
    co_await (async_pump_all(first, middle, ahead) && async_pump_all(middle, last, ahead));
  }
}

/// Ends only by cancellation: the writer decides when all is over.
Task<> async_read(std::vector<StreamSource>& sources, Ahead& ahead) {
  co_await async_pump_all(sources.data(), sources.data() + sources.size(), ahead);
  ahead.ended = true;
  ahead.ready.cancel();
  asio::steady_timer park{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await park.async_wait(use_tuple);
}

/// False after `limit` without news.
Task<bool> async_news(Ahead& ahead, std::chrono::milliseconds limit) {
  while (ahead.events.empty() && !ahead.ended) {
    if (limit.count() > 0) {
      ahead.ready.expires_after(limit);
    } else {
      ahead.ready.expires_at(asio::steady_timer::time_point::max());
    }
    const auto waited = co_await ahead.ready.async_wait(use_tuple);
    if (!std::get<0>(waited)) co_return !ahead.events.empty() || ahead.ended;
  }
  co_return true;
}

class Writer {
 public:
  Writer(Call& call, Ahead& ahead, StreamEncoder& encoder, StreamFormat format)
      : call_{call}, ahead_{ahead}, encoder_{encoder}, format_{format} {}

  Task<Result<>> async_write() {
    const auto patience = format_.keep_alive.empty() ? std::chrono::milliseconds{0} : call_.limits().keep_alive;
    while (true) {
      const bool news = co_await async_news(ahead_, patience);
      const bool over = ahead_.ended;  // before encoding: nothing comes after
      if (const Error* error = first_failure(); error != nullptr && !started_) co_return hearth::fail(*error);
      if (!started_) HEARTH_CO_CHECKED(co_await async_start());
      if (!news) buffer_ += format_.keep_alive;
      const std::optional<Error> failure = encode_all();
      if (failure) {
        // By itself: Google's client knows an error by a piece that is nothing else.
        if (!buffer_.empty()) HEARTH_CO_CHECKED(co_await call_.responder().write(buffer_));
        buffer_.clear();
        encoder_.failed(*failure, buffer_);
      } else if (over) {
        encoder_.end(buffer_);
      }
      if (!buffer_.empty()) HEARTH_CO_CHECKED(co_await call_.responder().write(buffer_));
      buffer_.clear();
      if (failure || over) co_return co_await call_.responder().finish();
    }
  }

 private:
  /// Only at the front: what stands before it is to be sent first.
  const Error* first_failure() const {
    if (ahead_.events.empty()) return nullptr;
    const auto* failed = std::get_if<Failed>(&ahead_.events.front().body);
    if (failed != nullptr) call_.note(ahead_.events.front());
    return failed == nullptr ? nullptr : &failed->error;
  }

  Task<Result<>> async_start() {
    started_ = true;
    HEARTH_CO_CHECKED(co_await call_.async_start(std::string{format_.content_type}));
    encoder_.begin(buffer_);
    co_return Result<>{};
  }

  /// What ended the answer before its end.
  std::optional<Error> encode_all() {
    std::optional<Error> failure;
    while (!ahead_.events.empty() && !failure) {
      const Event event = std::move(ahead_.events.front());
      ahead_.events.pop_front();
      call_.note(event);
      if (const auto* failed = std::get_if<Failed>(&event.body)) {
        failure = failed->error;
      } else {
        encoder_.event(event, buffer_);
      }
    }
    ahead_.space.cancel();
    return failure;
  }

  Call& call_;
  Ahead& ahead_;
  StreamEncoder& encoder_;
  StreamFormat format_;
  std::string buffer_;
  bool started_ = false;
};

Task<Result<>> async_run(Writer& writer) { co_return co_await writer.async_write(); }

}  // namespace

Task<Result<>> async_stream(Call& call, std::vector<StreamSource> sources, StreamEncoder& encoder,
                            StreamFormat format) {
  using namespace asio::experimental::awaitable_operators;
  call.note(sources);
  Ahead ahead{co_await asio::this_coro::executor};
  Writer writer{call, ahead, encoder, format};
  auto ended = co_await (async_read(sources, ahead) || async_run(writer));
  if (auto* result = std::get_if<1>(&ended)) co_return std::move(*result);
  co_return hearth::fail(ErrorCode::cancelled, "the client went away");
}

}  // namespace hearth::api
