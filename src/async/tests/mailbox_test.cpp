// SPDX-License-Identifier: Apache-2.0
#include "hearth/async/mailbox.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hearth::async {
namespace {

Task<> drain(std::shared_ptr<Mailbox<int>> box, std::vector<int>& out) {
  while (auto item = co_await box->async_receive()) out.push_back(*item);
}

TEST(Mailbox, DeliversInOrderFromAnotherThreadUntilClosed) {
  asio::io_context io;
  auto box = std::make_shared<Mailbox<int>>(io.get_executor(), 100'000);
  std::vector<int> got;
  asio::co_spawn(io, drain(box, got), asio::detached);
  std::thread sender{[&] {
    for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(box->push(i));
    box->close();
  }};
  io.run();
  sender.join();

  ASSERT_EQ(got.size(), 10'000U);
  EXPECT_EQ(got.front(), 0);
  EXPECT_EQ(got.back(), 9'999);
}

TEST(Mailbox, RefusesWhenFullUnlessTheLastItemAbsorbs) {
  asio::io_context io;
  auto box = std::make_shared<Mailbox<int>>(io.get_executor(), 1);
  EXPECT_TRUE(box->push(1));
  EXPECT_FALSE(box->push(2));
  EXPECT_TRUE(box->push(2, [](int& last, int& item) {
    last += item;
    return true;
  }));
  box->close();
  EXPECT_FALSE(box->push(3));

  std::vector<int> got;
  asio::co_spawn(io, drain(box, got), asio::detached);
  io.run();
  EXPECT_EQ(got, std::vector<int>{3});
}

Task<> receive_or_cancel(std::shared_ptr<Mailbox<int>> box, bool& cancelled) {
  try {
    co_await box->async_receive();
  } catch (const boost::system::system_error& e) {
    cancelled = e.code() == asio::error::operation_aborted;
  }
}

TEST(Mailbox, CancelledReceiveThrowsAborted) {
  asio::io_context io;
  auto box = std::make_shared<Mailbox<int>>(io.get_executor(), 1);
  bool cancelled = false;
  asio::cancellation_signal signal;
  asio::co_spawn(io, receive_or_cancel(box, cancelled), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  io.poll();
  signal.emit(asio::cancellation_type::terminal);
  io.run();
  EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace hearth::async
