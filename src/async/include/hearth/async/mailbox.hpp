// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "hearth/async/asio.hpp"

namespace hearth::async {

/// A queue from any thread into one coroutine. push() never blocks; the receiver suspends on its own executor.
/// Owned by shared_ptr: the sender may outlive the receiver and the other way round.
/// Bound: `capacity` items; a push into a full box is refused, unless `merge` can fold it into the last item.
/// Cancellation: a cancelled receive throws like every Asio wait; nothing in the box is lost.
template <class T>
class Mailbox : public std::enable_shared_from_this<Mailbox<T>> {
 public:
  Mailbox(const asio::any_io_executor& executor, std::size_t capacity) : timer_{executor}, capacity_{capacity} {
    timer_.expires_at(asio::steady_timer::time_point::max());
  }

  /// Any thread. False when full or closed; the item is then dropped.
  bool push(T item) {
    return push(std::move(item), [](T&, T&) { return false; });
  }

  /// As push, but when the box is not empty `merge(last, item)` may absorb the item and return true.
  template <class Merge>
  bool push(T item, Merge&& merge) {
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return false;
      if (!items_.empty() && merge(items_.back(), item)) return true;  // the receiver was woken already
      if (items_.size() >= capacity_) return false;
      items_.push_back(std::move(item));
    }
    wake();
    return true;
  }

  /// Any thread. Items already there are still received, then nullopt.
  void close() {
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    wake();
  }

  bool closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

  /// The next item, or nullopt once closed and empty. One receiver at a time, on the mailbox's executor.
  Task<std::optional<T>> async_receive() {
    while (true) {
      {
        const std::lock_guard lock{mutex_};
        if (!items_.empty()) {
          std::optional<T> item{std::move(items_.front())};
          items_.pop_front();
          co_return item;
        }
        if (closed_) co_return std::nullopt;
        waiting_ = true;
      }
      co_await timer_.async_wait(use_tuple);  // ended by wake(), or by cancellation, which the next line raises
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error{asio::error::operation_aborted};
      }
    }
  }

 private:
  void wake() {
    {
      const std::lock_guard lock{mutex_};
      if (!waiting_) return;
      waiting_ = false;
    }
    asio::post(timer_.get_executor(), [self = this->shared_from_this()] { self->timer_.cancel(); });
  }

  mutable std::mutex mutex_;
  std::deque<T> items_;
  bool closed_ = false;
  bool waiting_ = false;  // the receiver found nothing and waits (or is about to) on timer_
  asio::steady_timer timer_;
  std::size_t capacity_;
};

}  // namespace hearth::async
