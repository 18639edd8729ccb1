// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/request_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace hearth::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RequestLog, WritesOneLineWithIdRouteStatusAndTokens) {
  testing::internal::CaptureStderr();
  log_request({.id = "req_1",
               .method = "POST",
               .route = "/v1/completions",
               .model = "small",
               .principal = "anonymous",
               .status = 200,
               .streamed = true,
               .duration = std::chrono::milliseconds{12},
               .usage = {.prompt_tokens = 5, .completion_tokens = 3}});
  const std::string line = testing::internal::GetCapturedStderr();

  EXPECT_THAT(line, AllOf(HasSubstr("id=req_1"), HasSubstr("route=/v1/completions"), HasSubstr("status=200"),
                          HasSubstr("prompt_tokens=5"), HasSubstr("completion_tokens=3"), HasSubstr("ms=12")));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(RequestLog, KeepsOneLineWhateverTheClientCallsTheModel) {
  testing::internal::CaptureStderr();
  log_request({.id = "req_1", .model = "small\nrequest id=req_2 status=200", .status = 404});
  const std::string line = testing::internal::GetCapturedStderr();

  EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
  EXPECT_THAT(line, HasSubstr(R"(model="small\u000arequest id=req_2 status=200")"));
}

TEST(RequestLog, KeepsClientsMistakesAtInfo) {
  EXPECT_EQ(level_of({.status = 200}), LogLevel::info);
  EXPECT_EQ(level_of({.status = 400, .error = ErrorCode::invalid_request}), LogLevel::info);
  EXPECT_EQ(level_of({.status = 422, .error = ErrorCode::corrupt_data}), LogLevel::info);
  EXPECT_EQ(level_of({.status = 500, .error = ErrorCode::internal}), LogLevel::error);
}

}  // namespace
}  // namespace hearth::telemetry
