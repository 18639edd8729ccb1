// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one door to Asio. Precompiled (see CMakeLists.txt): including anything else of Asio costs build time.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

namespace hearth {

namespace asio = boost::asio;

/// A coroutine. Runs on the executor it was spawned on; nothing in it may block.
template <class T = void>
using Task = asio::awaitable<T>;

/// Completion token for I/O whose error_code is wanted as a value: auto [ec, n] = co_await …(use_tuple);
inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

}  // namespace hearth
