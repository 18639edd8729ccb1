// SPDX-License-Identifier: Apache-2.0
#include "ollama_progress.hpp"

#include <memory>
#include <utility>

#include "hearth/async/mailbox.hpp"
#include "ollama_encode.hpp"

namespace hearth::api::ollama {
namespace {

using Box = async::Mailbox<models::Progress>;

/// Our own last line comes when the result is known, so the store's is left out.
constexpr std::string_view kSuccess = "success";

Task<Result<>> async_run(Operation operation, std::shared_ptr<Box> box) {
  models::OnProgress on_progress = [box](const models::Progress& progress) {
    if (progress.status != kSuccess) box->push(progress, fold);
  };
  Result<> result = co_await operation(std::move(on_progress));
  box->close();
  co_return result;
}

Task<Result<>> async_write_line(Call& call, std::string line) {
  if (!call.responder().started()) HEARTH_CO_CHECKED(co_await call.async_start("application/x-ndjson"));
  co_return co_await call.responder().write(line);
}

/// Throws when the client is gone, which cancels the operation that runs beside it.
Task<> async_write_lines(Call& call, std::shared_ptr<Box> box) {
  while (std::optional<models::Progress> progress = co_await box->async_receive()) {
    const Result<> sent = co_await async_write_line(call, progress_line(*progress));
    if (!sent) throw boost::system::system_error{asio::error::operation_aborted};
  }
}

std::string last_line(const Result<>& result) {
  if (result) return progress_line({.status = std::string{kSuccess}, .digest = {}});
  return error_body(Family::ollama, result.error(), {}) + "\n";
}

}  // namespace

bool fold(models::Progress& last, const models::Progress& item) {
  if (last.status != item.status || last.digest != item.digest) return false;
  last = item;
  return true;
}

Task<Result<>> async_answer_progress(Call& call, bool stream, Operation operation) {
  using namespace asio::experimental::awaitable_operators;
  if (!stream) {
    models::OnProgress ignore = [](const models::Progress&) {};
    HEARTH_CO_CHECKED(co_await operation(std::move(ignore)));
    co_return co_await call.async_send_json(last_line({}));
  }
  auto box = std::make_shared<Box>(co_await asio::this_coro::executor, kMaxWaitingProgress);
  const Result<> result = co_await (async_run(std::move(operation), box) && async_write_lines(call, box));
  if (!result) {
    if (!call.responder().started()) co_return hearth::fail(result.error());
    call.record().error = result.error().code;
  }
  HEARTH_CO_CHECKED(co_await async_write_line(call, last_line(result)));
  co_return co_await call.responder().finish();
}

}  // namespace hearth::api::ollama
