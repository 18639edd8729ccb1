// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "loopback.hpp"

namespace hearth::net::test {
namespace {

constexpr std::size_t kStreams = 1000;
constexpr std::size_t kMaxBytesPerStream = 16 * 1024;

/// Streams that begin and then wait until all of them are woken. On one io thread.
struct Sleepers {
  std::vector<asio::steady_timer*> timers;
  std::atomic<std::size_t> count{0};
};

Task<> stream_after_sleep(Sleepers& sleepers, Responder& responder) {
  if (!co_await responder.start(200, Headers{})) co_return;
  asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  sleepers.timers.push_back(&timer);
  ++sleepers.count;
  sleepers.count.notify_all();
  co_await timer.async_wait(use_tuple);
  if (!co_await responder.write("data: awake\n\n")) co_return;
  (void)co_await responder.finish();
}

int connect_and_ask(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  constexpr std::string_view kAsk = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  return ::send(fd, kAsk.data(), kAsk.size(), 0) == static_cast<ssize_t>(kAsk.size()) ? fd : -1;
}

std::string read_all(int fd) {
  std::string out;
  char piece[1024];
  ssize_t n;
  while ((n = ::recv(fd, piece, sizeof piece, 0)) > 0) out.append(piece, static_cast<std::size_t>(n));
  return out;
}

TEST(IdleStreams, AThousandAreCheapAndAllWakeUp) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2 * kStreams + 100) GTEST_SKIP() << "only " << files.rlim_cur << " file descriptors";
  Sleepers sleepers;
  sleepers.timers.reserve(kStreams);
  LoopbackServer server{
      [&sleepers](const Request&, Responder& responder) { return stream_after_sleep(sleepers, responder); },
      patient_limits(),
      {},
      1};
  const auto before = mallinfo2().uordblks;

  std::vector<int> sockets;
  for (std::size_t i = 0; i < kStreams; ++i) sockets.push_back(connect_and_ask(server.port()));
  for (std::size_t n = 0; (n = sleepers.count) < kStreams;) sleepers.count.wait(n);
  const auto per_stream = (mallinfo2().uordblks - before) / kStreams;
  auto wake_all = [&sleepers] {
    for (asio::steady_timer* timer : sleepers.timers) timer->cancel();
  };
  asio::post(server.io().at(0), wake_all);

  RecordProperty("bytes_per_stream", static_cast<int>(per_stream));
  EXPECT_LT(per_stream, kMaxBytesPerStream);
  for (const int fd : sockets) {
    ASSERT_TRUE(read_all(fd).ends_with("d\r\ndata: awake\n\n\r\n0\r\n\r\n"));
    ::close(fd);
  }
}

}  // namespace
}  // namespace hearth::net::test
