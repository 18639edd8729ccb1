// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "hearth/async/asio.hpp"

namespace hearth::async {

/// Threads `blk-*` for files, hashing and parsing: anything over a millisecond or that can block.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads);
  /// Waits for what runs.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Runs `work` on a pool thread and resumes the caller on its own executor with the result. An exception of
  /// `work` is rethrown to the caller. Not cancellable: what `work` refers to must live until it has returned.
  template <class F>
  Task<std::invoke_result_t<F&>> async_run(F work);
  /// Runs `work`, which does not throw, some time later. Any thread.
  void post(std::function<void()> work);

 private:
  asio::thread_pool pool_;
};

template <class F>
Task<std::invoke_result_t<F&>> BlockingPool::async_run(F work) {
  using R = std::invoke_result_t<F&>;
  using Box = std::conditional_t<std::is_void_v<R>, bool, std::optional<R>>;
  Box box{};
  std::exception_ptr error;
  auto initiate = [&](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    asio::post(pool_, [&, executor, handler = std::move(handler)]() mutable {
      try {
        if constexpr (std::is_void_v<R>) {
          work();
        } else {
          box.emplace(work());
        }
      } catch (...) {
        error = std::current_exception();
      }
      asio::dispatch(executor, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, asio::use_awaitable);
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<R>) co_return std::move(*box);
}

}  // namespace hearth::async
