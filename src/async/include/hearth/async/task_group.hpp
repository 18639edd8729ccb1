// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "hearth/async/asio.hpp"

namespace hearth::async {

/// Coroutines that are waited for. The only way to start one that its caller does not await: `co_spawn` with
/// `detached` is banned outside this module. All members of one group run on one executor (one io thread); every
/// call comes from that thread, except spawn(), which any thread may call.
/// Bound: `max_tasks`; spawn() beyond it is refused. The destructor checks that async_join() has been awaited.
class TaskGroup {
 public:
  TaskGroup(asio::any_io_executor executor, std::size_t max_tasks);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// False when full or cancelled. An exception of the task is logged with its name; cancellation is silent.
  bool spawn(std::string name, Task<> task);
  /// The same for a task that may have to cancel itself: it gets the signal that cancel() uses too.
  using Make = std::move_only_function<Task<>(asio::cancellation_signal& own)>;
  bool spawn(std::string name, Make make);
  /// Asks every task to stop, now and later ones.
  void cancel();
  /// Returns when no task is left.
  Task<> async_join();
  std::size_t size() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Threads `io-*`, one io_context each. Connections are dealt round-robin, so what belongs to one connection needs
/// no lock.
class IoThreads {
 public:
  explicit IoThreads(std::size_t threads);
  /// Stops the contexts and joins the threads.
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  asio::io_context& next();
  asio::io_context& at(std::size_t i);
  std::size_t size() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Names the calling thread, as `top -H` and gdb show it (15 characters at most).
void set_thread_name(const std::string& name);

}  // namespace hearth::async
