// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <gmock/gmock.h>

namespace hearth::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Probe, ReadsQueueAndCacheOfVllm) {
  Load load;
  read_load("vllm",
            "# TYPE vllm:num_requests_running gauge\n"
            "vllm:num_requests_running{engine=\"0\",model_name=\"a\"} 3.0\n"
            "vllm:num_requests_running{engine=\"1\",model_name=\"a\"} 2.0\n"
            "vllm:num_requests_running_total 99\n"
            "vllm:num_requests_waiting{model_name=\"a\"} 7.0\n"
            "vllm:kv_cache_usage_perc{model_name=\"a\"} 0.25\n",
            load);
  EXPECT_EQ(load.running, 5);
  EXPECT_EQ(load.waiting, 7);
  EXPECT_DOUBLE_EQ(load.kv_used.value(), 0.25);
}

TEST(Probe, ReadsTheOldNameOfVllmsCacheAndSglang) {
  Load old;
  read_load("vllm", "vllm:gpu_cache_usage_perc 0.5", old);
  EXPECT_DOUBLE_EQ(old.kv_used.value(), 0.5);
  Load sglang;
  read_load("sglang", "sglang:num_running_reqs{a=\"}\"} 1\nsglang:num_queue_reqs 2\nsglang:token_usage 0.1\n", sglang);
  EXPECT_EQ(sglang.running, 1);
  EXPECT_EQ(sglang.waiting, 2);
}

TEST(Probe, CountsBusySlotsOfLlamaServer) {
  Load load;
  read_load("llama-server", R"([{"id":0,"is_processing":true},{"id":1,"is_processing":false},7,{}])", load);
  EXPECT_EQ(load.running, 1);
}

TEST(Probe, AModelThatOllamaRelaysIsSaidToBeSo) {
  Load load;
  read_models("ollama", R"({"models":[{"name":"llama3.2:1b"},
    {"name":"gpt-oss:120b-cloud","remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443"},
    {"name":"mine:latest","remote_model":"gpt-oss:120b"}]})",
              load);
  EXPECT_THAT(load.models, ElementsAre("llama3.2:1b", "gpt-oss:120b-cloud", "mine", "mine:latest"));
  EXPECT_THAT(load.relayed, ElementsAre("gpt-oss:120b-cloud", "mine", "mine:latest"));
}

TEST(Probe, ReadsTheListsOfOpenAiAndGemini) {
  Load openai;
  read_models("openai", R"({"object":"list","data":[{"id":"gpt-4o"},{"id":5},"x"]})", openai);
  EXPECT_THAT(openai.models, ElementsAre("gpt-4o"));
  Load gemini;
  read_models("gemini", R"({"models":[{"name":"models/gemini-2.5-pro"}]})", gemini);
  EXPECT_THAT(gemini.models, ElementsAre("gemini-2.5-pro"));
}

TEST(Probe, NonsenseChangesNothing) {
  Load load;
  for (const char* body : {"", "{", "[]", "null", R"({"data":{}})", R"({"data":[null]})"}) {
    read_models("openai", body, load);
    read_load("llama-server", body, load);
    read_load("vllm", body, load);
  }
  read_load("vllm", "vllm:num_requests_running NaN\nvllm:num_requests_waiting -1\n", load);
  EXPECT_THAT(load.models, IsEmpty());
  EXPECT_FALSE(load.running.value_or(0) != 0 || load.waiting);
}

}  // namespace
}  // namespace hearth::provider
