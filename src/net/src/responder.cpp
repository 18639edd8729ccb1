// SPDX-License-Identifier: Apache-2.0
#include "responder.hpp"

#include <charconv>

#include <boost/asio/buffer.hpp>

#include "response_head.hpp"

namespace hearth::net {
namespace {

std::unexpected<Error> out_of_order() {
  return fail(ErrorCode::internal, "the handler answered out of order: send(), or start(), write()..., finish()");
}

}  // namespace

Task<Result<>> ConnectionResponder::async_put(Connection::Buffers buffers, State after) {
  state_ = State::failed;  // until it is out: an exception here must not look like an answer
  auto written = co_await connection_.async_write(buffers, form_.write_timeout);
  if (written) state_ = after;
  co_return written;
}

Task<Result<>> ConnectionResponder::send(int status, Headers headers, std::string body) {
  if (state_ != State::fresh) co_return out_of_order();
  form_.keep_alive = form_.keep_alive && !stopping_;
  ResponseFraming framing{.content_length = body.size(), .chunked = false, .keep_alive = form_.keep_alive};
  if (!status_has_body(status)) {
    framing.content_length.reset();
    body.clear();
  }
  const std::string head = response_head(status, headers, framing, http_date());
  if (form_.head_only) body.clear();
  const Connection::Buffers buffers{asio::buffer(head), asio::buffer(body), asio::const_buffer{}};
  co_return co_await async_put(buffers, State::complete);
}

Task<Result<>> ConnectionResponder::start(int status, Headers headers) {
  if (state_ != State::fresh) co_return out_of_order();
  body_allowed_ = status_has_body(status);
  form_.keep_alive = form_.keep_alive && !stopping_ && (form_.chunked || !body_allowed_);
  const ResponseFraming framing{
      .content_length = {}, .chunked = form_.chunked && body_allowed_, .keep_alive = form_.keep_alive};
  const std::string head = response_head(status, headers, framing, http_date());
  body_allowed_ = body_allowed_ && !form_.head_only;
  const Connection::Buffers buffers{asio::buffer(head), asio::const_buffer{}, asio::const_buffer{}};
  co_return co_await async_put(buffers, State::streaming);
}

Task<Result<>> ConnectionResponder::write(std::string_view piece) {
  if (state_ == State::failed) co_return fail(ErrorCode::cancelled, "the client has closed the connection");
  if (state_ != State::streaming) co_return out_of_order();
  if (piece.empty() || !body_allowed_) co_return Result<>{};  // an empty chunk would end the body
  if (!form_.chunked) {
    const Connection::Buffers plain{asio::buffer(piece), asio::const_buffer{}, asio::const_buffer{}};
    co_return co_await async_put(plain, State::streaming);
  }
  std::array<char, 20> size{};
  char* end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const Connection::Buffers chunk{asio::const_buffer{size.data(), static_cast<std::size_t>(end - size.data())},
                                  asio::buffer(piece), asio::const_buffer{"\r\n", 2}};
  co_return co_await async_put(chunk, State::streaming);
}

Task<Result<>> ConnectionResponder::finish() {
  if (state_ == State::failed) co_return fail(ErrorCode::cancelled, "the client has closed the connection");
  if (state_ != State::streaming) co_return out_of_order();
  if (!form_.chunked || !body_allowed_) {
    state_ = State::complete;
    co_return Result<>{};
  }
  const Connection::Buffers last{asio::const_buffer{"0\r\n\r\n", 5}, asio::const_buffer{}, asio::const_buffer{}};
  co_return co_await async_put(last, State::complete);
}

}  // namespace hearth::net
