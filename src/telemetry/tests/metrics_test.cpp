// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <thread>
#include <vector>

namespace hearth::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Metrics, GiveTheSameSeriesForTheSameModel) {
  Registry registry;

  registry.model("small").first_token(0.02);
  registry.model("small").first_token(0.2);

  EXPECT_EQ(&registry.model("small"), &registry.model("small"));
  EXPECT_NE(&registry.model("small"), &registry.model("large"));
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_first_token_seconds_count{model=\"small\"} 2"));
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_first_token_seconds_bucket{model=\"small\",le=\"0.025\"} 1"));
}

TEST(Metrics, CountEachTokenOnceByKind) {
  Registry registry;

  registry.model("m").ended(Ending::completed, {.prompt_tokens = 100, .cached_tokens = 60, .completion_tokens = 7});
  registry.model("m").ended(Ending::cancelled, {.prompt_tokens = 10, .cached_tokens = 0, .completion_tokens = 1});

  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("hearth_engine_tokens_total{kind=\"prompt\",model=\"m\"} 50"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_tokens_total{kind=\"cached\",model=\"m\"} 60"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_tokens_total{kind=\"completion\",model=\"m\"} 8"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_generations_total{ending=\"cancelled\",model=\"m\"} 1"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_generations_total{ending=\"failed\",model=\"m\"} 0"));
}

TEST(Metrics, CountRequestsByRouteAndStatus) {
  Registry registry;

  registry.request("/v1/models", 200, 0.001);
  registry.request("/v1/models", 200, 0.001);
  registry.request("/v1/models", 404, 0.001);
  registry.request("/v1/models", -7, 0.001);

  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("hearth_api_requests_total{route=\"/v1/models\",status=\"200\"} 2"));
  EXPECT_THAT(text, HasSubstr("hearth_api_requests_total{route=\"/v1/models\",status=\"404\"} 1"));
  EXPECT_THAT(text, HasSubstr("hearth_api_requests_total{route=\"/v1/models\",status=\"0\"} 1"));
  EXPECT_THAT(text, HasSubstr("hearth_api_request_seconds_count{route=\"/v1/models\"} 4"));
}

TEST(Metrics, PutModelsAndRoutesBeyondTheBoundUnderOther) {
  Registry registry;
  const std::size_t bound = Registry::kMaxLabelValues;

  for (std::size_t i = 0; i < bound + 5; ++i) {
    registry.model(fmt::format("m{}", i)).preempted(1);
    registry.request(fmt::format("/r{}", i), 200, 0);
  }

  const std::string text = registry.text();
  EXPECT_EQ(count(text, "\nhearth_engine_preemptions_total{"), bound + 1);
  EXPECT_THAT(text, HasSubstr("hearth_engine_preemptions_total{model=\"other\"} 5"));
  EXPECT_THAT(text, HasSubstr(fmt::format("hearth_engine_preemptions_total{{model=\"m{}\"}} 1", bound - 1)));
  EXPECT_THAT(text, HasSubstr("hearth_api_requests_total{route=\"other\",status=\"200\"} 5"));
}

TEST(Metrics, ForgetTheGaugesOfAnUnloadedModel) {
  Registry registry;
  registry.set_models({{.model = "a", .host_bytes = 10, .cells = 512, .cells_used = 3}, {.model = "b"}});
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_kv_cells_used{model=\"a\"} 3"));
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_model_memory_bytes{kind=\"host\",model=\"a\"} 10"));
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_models_loaded 2"));

  registry.set_models({{.model = "b"}});

  EXPECT_THAT(registry.text(), Not(HasSubstr("model=\"a\"")));
  EXPECT_THAT(registry.text(), HasSubstr("hearth_engine_models_loaded 1"));
}

TEST(Metrics, EscapeWhatAModelNameMayHold) {
  Registry registry;

  registry.model("a\"b\nc").preempted(1);

  EXPECT_THAT(registry.text(), HasSubstr(R"(hearth_engine_preemptions_total{model="a\"b\nc"} 1)"));
}

TEST(Metrics, LoseNothingWhenManyThreadsCount) {
  Registry registry;
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&registry, t] {
      ModelMetrics& metrics = registry.model("shared");
      for (int i = 0; i < kEach; ++i) {
        metrics.next_token(0.01);
        registry.request("/health", 200, 0);
        if (i % 500 == 0) registry.set_models({{.model = fmt::format("m{}", t)}});
      }
    });
  }
  threads.clear();

  EXPECT_THAT(registry.text(),
              HasSubstr(fmt::format("hearth_engine_token_gap_seconds_count{{model=\"shared\"}} {}", kThreads * kEach)));
  EXPECT_THAT(registry.text(), HasSubstr(fmt::format("route=\"/health\",status=\"200\"}} {}", kThreads * kEach)));
}

}  // namespace
}  // namespace hearth::telemetry
