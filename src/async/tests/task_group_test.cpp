// SPDX-License-Identifier: Apache-2.0
#include "hearth/async/task_group.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "hearth/async/blocking_pool.hpp"

namespace hearth::async {
namespace {

Task<> forever() {
  asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await timer.async_wait(asio::use_awaitable);
}

Task<> throws() {
  throw std::runtime_error{"expected by the test"};
  co_return;
}

Task<> join(TaskGroup& group, bool& done) {
  co_await group.async_join();
  done = true;
}

TEST(TaskGroup, CancelEndsEveryTaskAndJoinWaits) {
  asio::io_context io;
  TaskGroup group{io.get_executor(), 8};
  EXPECT_TRUE(group.spawn("a", forever()));
  EXPECT_TRUE(group.spawn("b", throws()));
  bool done = false;
  asio::co_spawn(io, join(group, done), asio::detached);
  io.poll();
  EXPECT_FALSE(done);

  group.cancel();
  io.run();
  EXPECT_TRUE(done);
  EXPECT_FALSE(group.spawn("late", forever()));
}

TEST(TaskGroup, RefusesBeyondItsBound) {
  asio::io_context io;
  TaskGroup group{io.get_executor(), 1};
  EXPECT_TRUE(group.spawn("a", forever()));
  EXPECT_FALSE(group.spawn("b", forever()));
  io.poll();
  group.cancel();
  io.run();
}

TEST(TaskGroup, ARefusalLeavesNoTraceWhenItMeetsACancel) {
  for (int round = 0; round < 2'000; ++round) {
    asio::io_context io;
    TaskGroup group{io.get_executor(), 0};
    std::latch ready{2};
    std::thread other{[&] {
      ready.arrive_and_wait();
      for (int i = 0; i < 20; ++i) EXPECT_FALSE(group.spawn("refused", forever()));
    }};
    ready.arrive_and_wait();
    group.cancel();
    other.join();
    ASSERT_EQ(group.size(), 0U) << round;
  }
}

Task<> blocking(BlockingPool& pool, std::thread::id& worker, int& value, bool& threw) {
  auto work = [&worker] {
    worker = std::this_thread::get_id();
    return 42;
  };
  value = co_await pool.async_run(std::move(work));
  auto bad = []() -> int { throw std::runtime_error{"x"}; };
  try {
    co_await pool.async_run(std::move(bad));
  } catch (const std::runtime_error&) {
    threw = true;
  }
}

TEST(BlockingPool, RunsElsewhereAndHandsBackValueAndException) {
  asio::io_context io;
  BlockingPool pool{1};
  std::thread::id worker;
  int value = 0;
  bool threw = false;
  asio::co_spawn(io, blocking(pool, worker, value, threw), asio::detached);
  io.run();
  EXPECT_EQ(value, 42);
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_TRUE(threw);
}

}  // namespace
}  // namespace hearth::async
