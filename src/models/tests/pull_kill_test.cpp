// SPDX-License-Identifier: Apache-2.0
// A pull that is killed and started again: in another process with kill -9, and in this one by cancellation.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>

#include "hearth/async/task_group.hpp"
#include "hearth/models/store.hpp"
#include "manifest.hpp"
#include "store_machine.hpp"

namespace hearth::models::testing {
namespace {

using ::testing::IsEmpty;

constexpr std::chrono::seconds kPatience{20};  // only failing tests wait that long

/// Serves a registry with one model, and stops answering after a number of blob requests until told to go on.
class StallingRegistry {
 public:
  explicit StallingRegistry(const std::string& bytes) {
    Manifest manifest;
    manifest.config = {std::string{kConfigType}, sha256_hex("{}"), 2, {}, {}};
    manifest.layers = {{media_type_of(LayerKind::model), sha256_hex(bytes), bytes.size(), {}, {}}};
    host_.files["/v2/t/m/manifests/latest"] = encode_manifest(manifest);
    host_.files["/v2/t/m/blobs/sha256:" + sha256_hex("{}")] = "{}";
    host_.files["/v2/t/m/blobs/sha256:" + sha256_hex(bytes)] = bytes;
    server_ = std::make_unique<WebServer>(
        [this](const net::Request& request, net::Responder& responder) { return async_answer(request, responder); });
  }
  std::string name() const { return server_->host() + "/t/m"; }
  /// From now on `requests` requests are answered, the next gets a half answer, further ones none.
  void stall_after(std::size_t requests) {
    const std::lock_guard lock{mutex_};
    left_ = requests;
    stalled_ = false;
  }
  bool wait_until_stalled() {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, kPatience, [this] { return stalled_; });
  }
  std::size_t ranges_served() { return host_.count("bytes="); }

 private:
  enum class Fate : std::uint8_t { answer, half, nothing };
  Fate fate() {
    const std::lock_guard lock{mutex_};
    if (left_ > 0) {
      --left_;
      return Fate::answer;
    }
    const auto fate = stalled_ ? Fate::nothing : Fate::half;
    return fate;
  }
  Task<> async_answer(const net::Request& request, net::Responder& responder) {
    const auto what = fate();
    if (what == Fate::answer) {
      co_await host_.async_answer(request, responder);
      co_return;
    }
    if (what == Fate::half) {
      net::Headers headers;
      headers.set("Content-Range", std::string{request.headers.get("range").value_or("")});
      if (co_await responder.start(206, std::move(headers))) (void)co_await responder.write("half");
      const std::lock_guard lock{mutex_};
      stalled_ = true;
      changed_.notify_all();
    }
    // Until the client goes away, which cancels this coroutine.
    asio::steady_timer never{co_await asio::this_coro::executor, kPatience};
    co_await never.async_wait(use_tuple);
  }

  FileHost host_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t left_ = 1'000'000;
  bool stalled_ = false;
  std::unique_ptr<WebServer> server_;
};

/// Not a test of its own: what the killed process runs. See KillTest.
TEST(KilledProcess, DISABLED_Pulls) {
  const char* root = std::getenv("HEARTH_TEST_ROOT");
  const char* name = std::getenv("HEARTH_TEST_NAME");
  ASSERT_TRUE(root != nullptr && name != nullptr);
  Machine machine;
  auto store = machine.open(fs::path{root});
  ASSERT_TRUE(machine.run(store->async_pull(name, false, {})));
}

pid_t start_pull(const fs::path& root, const std::string& name) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("HEARTH_TEST_ROOT", root.c_str(), 1);
  ::setenv("HEARTH_TEST_NAME", name.c_str(), 1);
  ::execl("/proc/self/exe", "store_pull_test", "--gtest_filter=KilledProcess.*", "--gtest_also_run_disabled_tests",
          "--gtest_brief=1", static_cast<char*>(nullptr));
  ::_exit(127);
}

TEST(KillTest, APullThatIsKilledAgainAndAgainGoesOnAndNeverLeavesAWrongBlob) {
  const auto bytes = model_bytes(10'000, 5);  // 960 kB, 59 ranges
  StallingRegistry registry{bytes};
  TempFolder home;
  std::mt19937 random{std::random_device{}()};
  constexpr int kRounds = 6;
  std::size_t killed = 0;
  for (int round = 0; round < kRounds; ++round) {
    // 2 and the manifest: the child always gets as far as the blob, and never to its end in one round.
    registry.stall_after(2 + random() % 10);
    const auto child = start_pull(home.path(), registry.name());
    ASSERT_TRUE(registry.wait_until_stalled());
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1U : 0U;
    check_blobs(home.path());
    EXPECT_FALSE(fs::exists(home.path() / "blobs" / ("sha256-" + sha256_hex(bytes))));
  }
  EXPECT_EQ(killed, static_cast<std::size_t>(kRounds));

  registry.stall_after(1'000'000);
  Machine machine;
  auto store = machine.open(home.path());
  const auto pulled = machine.run(store->async_pull(registry.name(), false, {}));

  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find(registry.name()))->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(check_blobs(home.path()), 2U);
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
  // Without resuming each round would start at zero: at most what was in flight is asked for again, and one probe a
  // run.
  const auto ranges = (bytes.size() + (16 << 10) - 1) / (16 << 10);
  EXPECT_LE(registry.ranges_served(), ranges + (kRounds + 1) * (1 + 4));
}

TEST(CancelTest, ACancelledPullStopsItsRangesAndAJoinedOneTakesOver) {
  const auto bytes = model_bytes(8'000, 6);
  StallingRegistry registry{bytes};
  registry.stall_after(8);
  TempFolder home;
  Machine machine;
  auto store = machine.open(home.path());
  async::TaskGroup group{machine.io().at(0).get_executor(), 1};
  const auto pull = [](Store& from, std::string name) -> Task<> { (void)co_await from.async_pull(name, false, {}); };
  group.spawn("pull", pull(*store, registry.name()));
  ASSERT_TRUE(registry.wait_until_stalled());
  Lines lines;
  std::promise<void> joined;
  std::atomic<bool> told{false};
  OnProgress progress = [&, sink = lines.sink()](const Progress& line) {
    sink(line);
    if (!told.exchange(true)) joined.set_value();
  };
  auto second = machine.start(store->async_pull(registry.name(), false, progress), 1);
  ASSERT_EQ(joined.get_future().wait_for(kPatience), std::future_status::ready);

  registry.stall_after(1'000'000);
  asio::post(machine.io().at(0), [&] { group.cancel(); });
  machine.run(group.async_join());

  const auto pulled = second.get();
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(machine.run(store->async_find(registry.name()))->weights_digest, sha256_hex(bytes));
  EXPECT_EQ(lines.statuses().back(), "success");
  EXPECT_THAT(leftovers(home.path()), IsEmpty());
}

}  // namespace
}  // namespace hearth::models::testing
