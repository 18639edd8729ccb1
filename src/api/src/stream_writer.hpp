// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "route.hpp"
#include "stream_source.hpp"

namespace hearth::api {

/// Native events to the bytes of one API's stream. Appends to a buffer that is reused, so that a token costs no
/// allocation. Pure.
class StreamEncoder {
 public:
  virtual ~StreamEncoder() = default;
  /// Before the first event.
  virtual void begin(std::string& /*out*/) {}
  /// Never Failed: that goes to failed().
  virtual void event(const inference::Event& event, std::string& out) = 0;
  /// After events have been sent: the API's way to say that no more will come. end() is not called then.
  virtual void failed(const Error& error, std::string& out) = 0;
  /// After every choice has finished.
  virtual void end(std::string& /*out*/) {}
};

struct StreamFormat {
  std::string_view content_type;
  std::string_view keep_alive;  // sent after Limits::keep_alive of silence; empty: never
};
inline constexpr StreamFormat kSse{"text/event-stream; charset=utf-8", ": keep-alive\n\n"};
inline constexpr StreamFormat kNdjson{"application/x-ndjson", ""};

/// How far events are read ahead of a slow client, per answer; beyond it the engine's own bound acts.
inline constexpr std::size_t kMaxEventsAhead = 64;

/// Sends the whole answer. A failure before anything was sent is returned as the error it is, so that it becomes a
/// plain HTTP error; the answer begins with the first event, or after Limits::keep_alive without one. Events that are
/// there already go out in one write. Keep-alives never disturb the streams' async_next(). The client gone: an error or
/// cancellation; the streams are destroyed, which cancels the request.
Task<Result<>> async_stream(Call& call, std::vector<StreamSource> sources, StreamEncoder& encoder, StreamFormat format);

}  // namespace hearth::api
