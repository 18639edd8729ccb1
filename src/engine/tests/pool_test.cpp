// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/pool.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <latch>

#include "hearth/engine/estimate.hpp"

namespace hearth::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;
constexpr auto kIgnored = [](const std::exception_ptr&) {};

class PoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("HEARTH_SHARED");
    folder = std::filesystem::path{shared != nullptr ? shared : ""} / "models";
    if (!std::filesystem::exists(folder / "stories656k.gguf")) GTEST_SKIP() << "../shared/models is not here";
  }

  ModelSpec spec(const std::string& key, int context = 128) {
    ModelSpec s;
    s.key = s.name = key;
    s.options.weights = {folder / "stories656k.gguf"};
    s.options.context = context;
    s.options.parallel = 1;
    s.options.threads = 1;
    return s;
  }
  std::uint64_t one() { return estimate(spec("x").options).value().total(); }
  void make(std::uint64_t budget) { pool = Pool::create({.budget = budget}, blocking); }

  static Task<> acquire_into(Pool& pool, ModelSpec s, std::optional<std::chrono::seconds> keep,
                             std::optional<Result<Lease>>& out) {
    out = co_await pool.async_acquire(std::move(s), keep);
  }
  Result<Lease> acquire(ModelSpec s, std::optional<std::chrono::seconds> keep = {}) {
    io.restart();
    std::optional<Result<Lease>> out;
    asio::co_spawn(io, acquire_into(*pool, std::move(s), keep, out), asio::detached);
    io.run();
    return std::move(*out);
  }
  bool acquire_in_time(ModelSpec s) {
    io.restart();
    std::optional<Result<Lease>> out;
    asio::co_spawn(io, acquire_into(*pool, std::move(s), {}, out), asio::detached);
    io.run_for(kPatience);
    return out && *out;
  }
  void tick(Clock::time_point now, Pressure pressure = Pressure::none) {
    io.restart();
    asio::co_spawn(io, pool->async_tick(now, pressure), asio::detached);
    io.run();
  }
  std::vector<std::string> names() {
    std::vector<std::string> list;
    for (const PoolEntry& entry : pool->list()) list.push_back(entry.name);
    return list;
  }

  std::filesystem::path folder;
  asio::io_context io;  // before the pool of threads, which may still be inside a post() that has run already
  async::BlockingPool blocking{2};
  std::shared_ptr<Pool> pool;
};

TEST_F(PoolTest, ManyRequestsForOneModelCauseOneLoad) {
  make(100 * one());
  std::vector<std::optional<Result<Lease>>> leases(8);
  for (auto& lease : leases) asio::co_spawn(io, acquire_into(*pool, spec("a"), {}, lease), asio::detached);
  io.run();
  for (auto& lease : leases) {
    ASSERT_TRUE(lease && *lease);
    EXPECT_EQ(&***lease, &***leases[0]) << "one copy";
  }
  EXPECT_EQ(pool->list().at(0).leases, 8);
}

TEST_F(PoolTest, RoomIsMadeByTheModelThatIsIdleLongest) {
  make(2 * one() + one() / 2);
  ASSERT_TRUE(acquire(spec("a")));
  ASSERT_TRUE(acquire(spec("b")));
  ASSERT_TRUE(acquire(spec("a")));
  ASSERT_TRUE(acquire(spec("c")));
  EXPECT_EQ(names(), (std::vector<std::string>{"a", "c"}));
}

TEST_F(PoolTest, ABusyModelIsNeverUnloadedTheNewcomerIsToldToComeBack) {
  make(one() + one() / 2);
  const Result<Lease> busy = acquire(spec("a"));
  ASSERT_TRUE(busy);
  const Result<Lease> refused = acquire(spec("b"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(refused.error().retry_after);
}

TEST_F(PoolTest, WhatCanNeverFitIsRefusedBeforeItIsLoaded) {
  make(one() / 2);
  const Result<Lease> refused = acquire(spec("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::insufficient_memory);
}

TEST_F(PoolTest, IdleModelsLeaveAfterTheirKeepAliveAndPinnedOnesStay) {
  make(100 * one());
  ModelSpec pinned = spec("pinned");
  pinned.pinned = true;
  ASSERT_TRUE(acquire(std::move(pinned)));
  ASSERT_TRUE(acquire(spec("short"), 10s));
  ASSERT_TRUE(acquire(spec("ever"), -1s));
  ASSERT_TRUE(acquire(spec("now"), 0s));
  tick(Clock::now());
  EXPECT_EQ(names(), (std::vector<std::string>{"ever", "pinned", "short"}));
  tick(Clock::now() + 11s);
  EXPECT_EQ(names(), (std::vector<std::string>{"ever", "pinned"}));
}

TEST_F(PoolTest, MemoryPressureUnloadsIdleModelsThenRefusesLongPrompts) {
  make(100 * one());
  ASSERT_TRUE(acquire(spec("idle"), -1s));
  Result<Lease> busy = acquire(spec("busy", 4096));
  tick(Clock::now(), Pressure::critical);
  EXPECT_EQ(names(), (std::vector<std::string>{"busy"}));
}

TEST_F(PoolTest, ALargerContextReloadsAnIdleModelButNotABusyOne) {
  make(100 * one());
  {
    const Result<Lease> small = acquire(spec("a", 128));
    ASSERT_TRUE(small);
    const Result<Lease> refused = acquire(spec("a", 256));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  }
  const Result<Lease> large = acquire(spec("a", 256));
  ASSERT_TRUE(large);
  EXPECT_EQ((*large)->instance->context(), 256);
}

TEST_F(PoolTest, WhoLeavesBeforeTheLoadLeavesNoPlaceBehind) {
  make(one() + one() / 2);
  asio::cancellation_signal leave;
  std::optional<Result<Lease>> left;
  const auto ask_for = [&](const std::string& key) {
    io.restart();
    asio::co_spawn(io, acquire_into(*pool, spec(key), {}, left), asio::bind_cancellation_slot(leave.slot(), kIgnored));
  };
  ask_for("a");
  io.poll();  // it is being predicted
  leave.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_FALSE(left);
  ASSERT_TRUE(acquire_in_time(spec("a")));

  ask_for("b");
  while (!names().empty()) io.run_one();  // "a" is being destroyed
  leave.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_FALSE(left);
  EXPECT_TRUE(acquire_in_time(spec("b")));
}

TEST_F(PoolTest, StoppingDuringALoadEndsItAndAllWhoWaitForIt) {
  std::latch loading{1};
  std::latch go{1};
  pool = Pool::create({.budget = 100 * one(),
                       .observer =
                           [&](const std::string&) {
                             loading.count_down();
                             go.wait();
                             return nullptr;
                           }},
                      blocking);
  std::vector<std::optional<Result<Lease>>> leases(2);
  for (auto& lease : leases) asio::co_spawn(io, acquire_into(*pool, spec("a"), {}, lease), asio::detached);
  while (!loading.try_wait()) io.run_one_for(1ms);
  asio::co_spawn(io, pool->async_stop(), asio::detached);
  io.poll();
  go.count_down();
  io.run_for(kPatience);
  for (const auto& lease : leases) {
    ASSERT_TRUE(lease);
    ASSERT_FALSE(*lease);
    EXPECT_EQ(lease->error().code, ErrorCode::unavailable);
  }
  EXPECT_TRUE(pool->list().empty());
  EXPECT_FALSE(acquire_in_time(spec("b"))) << "nothing is loaded any more";
}

}  // namespace
}  // namespace hearth::engine
