// SPDX-License-Identifier: Apache-2.0
// The log as it is written: durable when it says so, one chain through restarts, and honest when it cannot.
#include "hearth/audit/audit_log.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "chain.hpp"
#include "hearth/base/id.hpp"

namespace hearth::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

struct AuditTest : ::testing::Test {
  std::filesystem::path home = std::filesystem::temp_directory_path() / random_id("hearth-audit-");
  asio::io_context io;
  AuditTest() { std::filesystem::create_directories(home); }
  ~AuditTest() override { std::filesystem::remove_all(home); }

  static Record record(const std::string& request) {
    return {.request = request, .principal = "ann", .label = "public", .target = "far/gpt", .zone = "cloud"};
  }
  std::unique_ptr<AuditLog> open(AuditLog::Options options = {}) const {
    options.home = home;
    auto log = AuditLog::open(std::move(options));
    EXPECT_TRUE(log) << log.error().message;
    return *std::move(log);
  }
  static Task<> append(AuditLog& log, Record record, Result<>& out) {
    out = co_await log.async_append(std::move(record));
  }
  Result<> wait_for(AuditLog& log, Record record) {
    Result<> out;
    io.restart();
    asio::co_spawn(io, append(log, std::move(record), out), asio::detached);
    io.run();  // a coroutine that waits is work
    return out;
  }
  std::string text() const {
    std::string out;
    for (const auto& [first, file] : segments_of(home)) {
      std::ifstream in{file, std::ios::binary};
      out.append(std::istreambuf_iterator<char>{in}, {});
    }
    return out;
  }
};

Task<> append_many(AuditLog& log, int many, int& durable) {
  for (int i = 0; i < many; ++i) {
    if (co_await log.async_append({.request = "r" + std::to_string(i)})) ++durable;
  }
}

TEST_F(AuditTest, WhatIsAcknowledgedIsThereAndSaysWho) {
  const auto log = open();
  Record secret = record("req_1");
  secret.kind = Record::Kind::refused;
  secret.rule = "deny: {target: \"far/*\"}";
  ASSERT_TRUE(wait_for(*log, std::move(secret)));
  EXPECT_THAT(text(), HasSubstr(R"({"seq":1,"kind":"refused","at_ms":)"));
  EXPECT_THAT(text(), HasSubstr(R"("request":"req_1","principal":"ann","label":"public","target":"far/gpt")"));
  EXPECT_THAT(text(), HasSubstr(R"("rule":"deny: {target: \"far/*\"}")"));
}

TEST_F(AuditTest, ManyAtOnceAreOneChain) {
  int durable = 0;
  {
    const auto log = open();
    for (int i = 0; i < 20; ++i) asio::co_spawn(io, append_many(*log, 25, durable), asio::detached);
    io.run();
    for (int i = 0; i < 10; ++i) log->append(record("local"));
  }
  EXPECT_EQ(durable, 500);
  const Verdict verdict = verify(home).value();
  EXPECT_EQ(verdict.records, 510U);
  EXPECT_EQ(verdict.last, 510U);
  EXPECT_EQ(verdict.unsigned_, 0U) << "the end of the process signs";
}

TEST_F(AuditTest, TheChainGoesOnAfterARestartAndAnUnfinishedLineIsCutOff) {
  for (int i = 0; i < 3; ++i) open()->append(record("again"));
  EXPECT_EQ(verify(home)->records, 3U);
  std::ofstream{segments_of(home).back().second, std::ios::app} << R"({"seq":4,"kind":"egr)";
  EXPECT_TRUE(verify(home)->unfinished) << "a crash, and no lie";
  open()->append(record("after"));
  const Verdict verdict = verify(home).value();
  EXPECT_EQ(verdict.records, 4U);
  EXPECT_FALSE(verdict.unfinished);
}

TEST_F(AuditTest, OldSegmentsGoAndTheChainSaysSo) {
  {
    const auto log = open({.home = {}, .segment_bytes = 2'000, .keep = std::chrono::hours{-1}});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(wait_for(*log, record("r" + std::to_string(i))));
  }
  const Verdict verdict = verify(home).value();
  EXPECT_GT(verdict.pruned, 50U);
  EXPECT_EQ(verdict.first, verdict.pruned + 1);
  EXPECT_THAT(text(), HasSubstr(R"("kind":"pruned")"));
  open()->append(record("more"));
  EXPECT_EQ(verify(home)->last, verdict.last + 1);
}

TEST_F(AuditTest, WhatCannotBeWrittenIsNotAllowedAndLeavesNothing) {
  const auto log = open();
  ASSERT_TRUE(wait_for(*log, record("before")));
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = text().size() + 40, .rlim_max = old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const Result<> refused = wait_for(*log, record("does not fit"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("nothing leaves this machine"));
  EXPECT_THAT(text(), testing::Not(HasSubstr("does not")));
  ASSERT_TRUE(wait_for(*log, record("after"))) << "there is room again";
  EXPECT_EQ(verify(home)->records, 2U);
}

TEST_F(AuditTest, AFullQueueRefuses) {
  const auto log = open({.home = {}, .queue_max = 0});
  EXPECT_FALSE(wait_for(*log, record("x")));
}

TEST_F(AuditTest, OneProcessAtATimeAndNoneIsNotFound) {
  EXPECT_EQ(verify(home).error().code, ErrorCode::not_found);
  const auto log = open();
  EXPECT_EQ(AuditLog::open({.home = home}).error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace hearth::audit
