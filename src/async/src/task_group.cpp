// SPDX-License-Identifier: Apache-2.0
#include "hearth/async/task_group.hpp"

#include <pthread.h>

#include <atomic>
#include <list>
#include <thread>
#include <vector>

#include "hearth/base/check.hpp"
#include "hearth/base/log.hpp"

namespace hearth::async {

struct TaskGroup::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor e, std::size_t max) : executor{std::move(e)}, max_tasks{max}, joined{executor} {
    joined.expires_at(asio::steady_timer::time_point::max());
  }

  asio::any_io_executor executor;
  std::size_t max_tasks;
  std::atomic<std::size_t> count{0};
  std::atomic<bool> cancelled{false};
  std::list<asio::cancellation_signal> signals;  // on the executor only
  asio::steady_timer joined;

  /// Counts a task unless the group is full. Never more than that, not even for a moment: who joins waits for zero.
  bool admit() {
    std::size_t now = count.load();
    while (now < max_tasks) {
      if (count.compare_exchange_weak(now, now + 1)) return true;
    }
    return false;
  }

  void finished(std::list<asio::cancellation_signal>::iterator signal) {
    signals.erase(signal);
    if (--count == 0) joined.cancel();
  }
};

TaskGroup::TaskGroup(asio::any_io_executor executor, std::size_t max_tasks)
    : state_{std::make_shared<State>(std::move(executor), max_tasks)} {}

TaskGroup::~TaskGroup() { HEARTH_CHECK(state_->count == 0); }

bool TaskGroup::spawn(std::string name, Task<> task) {
  return spawn(std::move(name),
               [task = std::move(task)](asio::cancellation_signal&) mutable { return std::move(task); });
}

bool TaskGroup::spawn(std::string name, Make make) {
  State& state = *state_;
  if (state.cancelled || !state.admit()) return false;
  auto start = [self = state_, name = std::move(name), make = std::move(make)]() mutable {
    auto signal = self->signals.emplace(self->signals.end());
    auto done = [self, signal, name = std::move(name)](std::exception_ptr error) {
      if (error) {
        try {
          std::rethrow_exception(error);
        } catch (const boost::system::system_error& e) {
          if (e.code() != asio::error::operation_aborted)
            log::error("task failed", {{"task", name}, {"error", e.what()}});
        } catch (const std::exception& e) {
          log::error("task failed", {{"task", name}, {"error", e.what()}});
        }
      }
      self->finished(signal);
    };
    asio::co_spawn(self->executor, make(*signal), asio::bind_cancellation_slot(signal->slot(), std::move(done)));
    if (self->cancelled) signal->emit(asio::cancellation_type::terminal);
  };
  asio::post(state.executor, std::move(start));
  return true;
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  // A task that ends inside emit() erases its own signal: step first.
  for (auto it = state_->signals.begin(); it != state_->signals.end();) (it++)->emit(asio::cancellation_type::terminal);
}

Task<> TaskGroup::async_join() {
  const auto state = state_;
  while (state->count != 0) co_await state->joined.async_wait(use_tuple);
}

std::size_t TaskGroup::size() const noexcept { return state_->count; }

struct IoThreads::Impl {
  struct Worker {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::thread thread;
  };
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<std::size_t> turn{0};
};

IoThreads::IoThreads(std::size_t threads) : impl_{std::make_unique<Impl>()} {
  for (std::size_t i = 0; i < threads; ++i) {
    auto& worker = impl_->workers.emplace_back(std::make_unique<Impl::Worker>());
    worker->thread = std::thread{[context = &worker->context, i] {
      set_thread_name("io-" + std::to_string(i));
      context->run();
    }};
  }
}

IoThreads::~IoThreads() {
  for (const auto& worker : impl_->workers) worker->context.stop();
  for (const auto& worker : impl_->workers) worker->thread.join();
}

asio::io_context& IoThreads::next() { return at(impl_->turn++ % impl_->workers.size()); }
asio::io_context& IoThreads::at(std::size_t i) { return impl_->workers[i]->context; }
std::size_t IoThreads::size() const noexcept { return impl_->workers.size(); }

void set_thread_name(const std::string& name) { pthread_setname_np(pthread_self(), name.substr(0, 15).c_str()); }

}  // namespace hearth::async
