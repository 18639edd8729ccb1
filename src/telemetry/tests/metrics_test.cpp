// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "hearth/base/version.hpp"

namespace hearth::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Seconds = engine::Observer::Seconds;
using Outcome = engine::Observer::Outcome;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Metrics, GoOnWithTheSeriesOfAModelThatIsLoadedAgain) {
  Metrics metrics;

  metrics.observe("small")->preempted(1);
  metrics.observe("large")->preempted(1);
  metrics.observe("small")->preempted(2);

  EXPECT_EQ(metrics.observe("small"), metrics.observe("small"));
  EXPECT_NE(metrics.observe("small"), metrics.observe("large"));
  EXPECT_THAT(metrics.text(), HasSubstr("hearth_engine_preemptions_total{model=\"small\"} 3\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("hearth_engine_preemptions_total{model=\"large\"} 1\n"));
}

TEST(Metrics, PutEachTimeIntoTheBucketsOfItsOwnHistogram) {
  Metrics metrics;
  const auto model = metrics.observe("m");

  model->queued(Seconds{0.004});
  model->first_token(Seconds{0.02});
  model->first_token(Seconds{0.2});
  model->next_token(Seconds{0.0004});
  model->step(1, Seconds{0.04});

  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hearth_engine_queue_seconds_bucket{model=\"m\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_queue_seconds_bucket{model=\"m\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_time_to_first_token_seconds_count{model=\"m\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_time_to_first_token_seconds_bucket{model=\"m\",le=\"0.025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_time_between_tokens_seconds_bucket{model=\"m\",le=\"0.00025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_time_between_tokens_seconds_bucket{model=\"m\",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_seconds_bucket{model=\"m\",le=\"0.025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_seconds_bucket{model=\"m\",le=\"0.05\"} 1\n"));
}

TEST(Metrics, CountTheTokensOfStepsByPowersOfTwo) {
  Metrics metrics;
  const auto model = metrics.observe("m");

  for (const int tokens : {1, 8, 9, 512}) model->step(tokens, Seconds{0.01});

  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_tokens_bucket{model=\"m\",le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_tokens_bucket{model=\"m\",le=\"8\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_tokens_bucket{model=\"m\",le=\"16\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_step_tokens_sum{model=\"m\"} 530\n"));
}

TEST(Metrics, CountTokensAndOutcomesOfGenerations) {
  Metrics metrics;
  const auto model = metrics.observe("m");

  model->ended(Outcome::completed, {.prompt_tokens = 100, .cached_tokens = 60, .completion_tokens = 7});
  model->ended(Outcome::cancelled, {.prompt_tokens = 10, .cached_tokens = 0, .completion_tokens = 1});
  model->ended(Outcome::expired, {});

  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hearth_engine_prompt_tokens_total{model=\"m\"} 110\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_cached_tokens_total{model=\"m\"} 60\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_completion_tokens_total{model=\"m\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_requests_total{model=\"m\",outcome=\"completed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_requests_total{model=\"m\",outcome=\"cancelled\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_requests_total{model=\"m\",outcome=\"expired\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_requests_total{model=\"m\",outcome=\"failed\"} 0\n"));
}

TEST(Metrics, CountRequestsByRouteAndStatus) {
  Metrics metrics;

  metrics.http("/v1/models", 200, 0.001);
  metrics.http("/v1/models", 200, 0.001);
  metrics.http("/v1/models", 404, 0.001);
  metrics.http("/v1/models", -7, 0.001);

  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hearth_http_requests_total{route=\"/v1/models\",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hearth_http_requests_total{route=\"/v1/models\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_http_requests_total{route=\"/v1/models\",status=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_http_request_seconds_count{route=\"/v1/models\"} 4\n"));
}

TEST(Metrics, PutModelsAndRoutesBeyondTheBoundUnderOther) {
  Metrics metrics;

  for (std::size_t i = 0; i < Metrics::kMaxModels + 5; ++i) metrics.observe(fmt::format("m{}", i))->preempted(1);
  for (std::size_t i = 0; i < Metrics::kMaxRoutes + 3; ++i) metrics.http(fmt::format("/r{}", i), 200, 0);

  const std::string text = metrics.text();
  EXPECT_EQ(count(text, "\nhearth_engine_preemptions_total{"), Metrics::kMaxModels + 1);
  EXPECT_THAT(text, HasSubstr("hearth_engine_preemptions_total{model=\"other\"} 5\n"));
  EXPECT_THAT(text, HasSubstr(fmt::format("_preemptions_total{{model=\"m{}\"}} 1\n", Metrics::kMaxModels - 1)));
  EXPECT_EQ(count(text, "\nhearth_http_requests_total{"), Metrics::kMaxRoutes + 1);
  EXPECT_THAT(text, HasSubstr("hearth_http_requests_total{route=\"other\",status=\"200\"} 3\n"));
}

TEST(Metrics, SumTheGaugesOfModelsBeyondTheBound) {
  Metrics metrics;
  for (std::size_t i = 0; i < Metrics::kMaxModels; ++i) (void)metrics.observe(fmt::format("m{}", i));
  const auto snapshot = [] {
    return Snapshot{.models = {{.model = "m0", .cells = 1}, {.model = "x", .cells = 10}, {.model = "y", .cells = 20}}};
  };

  metrics.gather(snapshot);

  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hearth_engine_kv_cells{model=\"m0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_kv_cells{model=\"other\"} 30\n"));
  EXPECT_THAT(text, HasSubstr("hearth_engine_models_loaded 3\n"));
}

TEST(Metrics, AskForTheStateAtEachScrape) {
  Metrics metrics;
  Snapshot now{.models = {{.model = "a",
                           .host_bytes = 10,
                           .device_bytes = 4,
                           .cells = 512,
                           .cells_used = 3,
                           .cells_cached = 5,
                           .prefix_memory = 11,
                           .prefix_disk = 12,
                           .running = 2,
                           .queued = 7},
                          {.model = "b"}},
               .memory_budget = 1000,
               .memory_available = 800,
               .pressure = engine::Pressure::high,
               .connections = 9};
  metrics.gather([&now] { return now; });

  const std::string before = metrics.text();
  now = {.models = {{.model = "b"}}, .pressure = engine::Pressure::none};
  const std::string after = metrics.text();

  for (const char* line :
       {"hearth_engine_kv_cells{model=\"a\"} 512\n", "hearth_engine_kv_cells_used{model=\"a\"} 3\n",
        "hearth_engine_kv_cells_cached{model=\"a\"} 5\n", "hearth_engine_prefix_memory_bytes{model=\"a\"} 11\n",
        "hearth_engine_prefix_disk_bytes{model=\"a\"} 12\n", "hearth_engine_sequences_running{model=\"a\"} 2\n",
        "hearth_engine_sequences_queued{model=\"a\"} 7\n", "hearth_engine_model_bytes{kind=\"host\",model=\"a\"} 10\n",
        "hearth_engine_model_bytes{kind=\"device\",model=\"a\"} 4\n", "hearth_engine_models_loaded 2\n",
        "hearth_engine_memory_budget_bytes 1000\n", "hearth_engine_memory_available_bytes 800\n",
        "hearth_engine_memory_pressure_level 2\n", "hearth_net_connections_open 9\n"}) {
    EXPECT_THAT(before, HasSubstr(line));
  }
  EXPECT_THAT(after, Not(HasSubstr("model=\"a\"")));
  EXPECT_THAT(after, HasSubstr("hearth_engine_models_loaded 1\n"));
  EXPECT_THAT(after, HasSubstr("hearth_engine_memory_pressure_level 0\n"));
}

TEST(Metrics, NameTheVersionAndTheResidentMemory) {
  Metrics metrics;

  const std::string text = metrics.text();

  EXPECT_THAT(text, HasSubstr(fmt::format("hearth_build_info{{version=\"{}\"}} 1\n", version())));
  EXPECT_THAT(text, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(text, Not(HasSubstr("\nprocess_resident_memory_bytes 0\n")));
}

TEST(Metrics, MayEndBeforeTheirObservers) {
  auto metrics = std::make_unique<Metrics>();
  const std::shared_ptr<engine::Observer> model = metrics->observe("m");
  metrics.reset();

  model->step(1, Seconds{0.01});  // the address sanitizer is the judge

  EXPECT_EQ(model.use_count(), 1);
}

TEST(Metrics, LoseNothingWhenManyThreadsCount) {
  Metrics metrics;
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::atomic<int> scrapes{0};
  metrics.gather([&scrapes] { return Snapshot{.models = {{.model = fmt::format("m{}", scrapes++ % kThreads)}}}; });
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&metrics] {
      const auto model = metrics.observe("shared");
      for (int i = 0; i < kEach; ++i) {
        model->next_token(Seconds{0.01});
        model->ended(Outcome::completed, {.prompt_tokens = 2});
        metrics.http("/health", 200, 0);
        if (i % 500 == 0) EXPECT_THAT(metrics.text(), HasSubstr("hearth_engine_models_loaded 1\n"));
      }
    });
  }
  threads.clear();

  const std::string text = metrics.text();
  EXPECT_THAT(text,
              HasSubstr(fmt::format("_time_between_tokens_seconds_count{{model=\"shared\"}} {}\n", kThreads * kEach)));
  EXPECT_THAT(text, HasSubstr(fmt::format("_prompt_tokens_total{{model=\"shared\"}} {}\n", 2 * kThreads * kEach)));
  EXPECT_THAT(text, HasSubstr(fmt::format("route=\"/health\",status=\"200\"}} {}\n", kThreads * kEach)));
}

}  // namespace
}  // namespace hearth::telemetry
