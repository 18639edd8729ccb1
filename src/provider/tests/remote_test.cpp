// SPDX-License-Identifier: Apache-2.0
#include "hearth/provider/remote.hpp"

#include <gtest/gtest.h>
#include <boost/asio/use_future.hpp>

namespace hearth::provider {
namespace {

TEST(Remote, AProbeEndsInItsTimeHoweverTheServerKeepsItWaiting) {
  asio::io_context server_io;
  asio::ip::tcp::acceptor silent{server_io, {asio::ip::address_v4::loopback(), 0}};  // the system accepts for it
  async::IoThreads io{1};
  RemoteOptions options;
  options.name = "up";
  options.kind = "compatible";
  options.url = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
  options.probe_timeout = std::chrono::milliseconds{50};
  auto remote = Remote::create(options, io);
  ASSERT_TRUE(remote);
  const auto begun = Clock::now();
  const Result<Load> load = asio::co_spawn(io.at(0), (*remote)->async_probe(), asio::use_future).get();
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds{20}) << "not never";
  ASSERT_FALSE(load);
  EXPECT_EQ(load.error().code, ErrorCode::upstream_unavailable);
  asio::co_spawn(io.at(0), (*remote)->async_close(), asio::use_future).get();
}

}  // namespace
}  // namespace hearth::provider
