// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/parameters.hpp"

#include <gtest/gtest.h>

#include "hearth/inference/request.hpp"

namespace hearth::models {
namespace {

TEST(Parameters, EveryOllamaNameReachesItsPlace) {
  const auto o = to_options({{"temperature", "0.5"},
                             {"top_k", "20"},
                             {"top_p", "0.9"},
                             {"min_p", "0.1"},
                             {"typical_p", "1"},
                             {"seed", "42"},
                             {"num_predict", "9"},
                             {"repeat_last_n", "64"},
                             {"repeat_penalty", "1.1"},
                             {"presence_penalty", "-0.5"},
                             {"frequency_penalty", "2"},
                             {"mirostat", "2"},
                             {"mirostat_tau", "5.0"},
                             {"mirostat_eta", "0.1"},
                             {"num_ctx", "8192"},
                             {"num_batch", "512"},
                             {"num_gpu", "99"},
                             {"num_thread", "4"},
                             {"main_gpu", "1"},
                             {"use_mmap", "false"},
                             {"stop", "<a>"},
                             {"stop", "<b>"}});

  ASSERT_TRUE(o) << o.error().message;
  EXPECT_FLOAT_EQ(*o->sampling.temperature, 0.5F);
  EXPECT_EQ(o->sampling.top_k, 20);
  EXPECT_FLOAT_EQ(*o->sampling.top_p, 0.9F);
  EXPECT_FLOAT_EQ(*o->sampling.min_p, 0.1F);
  EXPECT_FLOAT_EQ(*o->sampling.typical_p, 1.0F);
  EXPECT_EQ(o->sampling.seed, 42U);
  EXPECT_EQ(o->max_tokens, 9);
  EXPECT_EQ(o->sampling.repeat_last_n, 64);
  EXPECT_FLOAT_EQ(*o->sampling.repeat_penalty, 1.1F);
  EXPECT_FLOAT_EQ(*o->sampling.presence_penalty, -0.5F);
  EXPECT_FLOAT_EQ(*o->sampling.frequency_penalty, 2.0F);
  EXPECT_EQ(o->sampling.mirostat, 2);
  EXPECT_FLOAT_EQ(*o->sampling.mirostat_tau, 5.0F);
  EXPECT_FLOAT_EQ(*o->sampling.mirostat_eta, 0.1F);
  EXPECT_EQ(o->runtime.context, 8192);
  EXPECT_EQ(o->runtime.batch, 512);
  EXPECT_EQ(o->runtime.gpu_layers, 99);
  EXPECT_EQ(o->runtime.threads, 4);
  EXPECT_EQ(o->runtime.main_gpu, 1);
  EXPECT_EQ(o->runtime.mmap, false);
  EXPECT_EQ(o->stop, (std::vector<std::string>{"<a>", "<b>"}));
  EXPECT_TRUE(o->without_effect.empty());
}

TEST(Parameters, OllamasWordsForNoLimitMeanAbsent) {
  const auto o = to_options({{"seed", "-1"}, {"num_predict", "-1"}, {"num_gpu", "-1"}, {"num_thread", "0"}});

  ASSERT_TRUE(o) << o.error().message;
  EXPECT_EQ(o->sampling.seed, std::nullopt);
  EXPECT_EQ(o->max_tokens, std::nullopt);
  EXPECT_EQ(o->runtime.gpu_layers, std::nullopt);
  EXPECT_EQ(o->runtime.threads, std::nullopt);
}

TEST(Parameters, TheLastOfARepeatedNameWinsAndFloatsThatAreWholeAreIntegers) {
  const auto o = to_options({{"num_ctx", "1024"}, {"num_ctx", "2048.0"}});

  ASSERT_TRUE(o) << o.error().message;
  EXPECT_EQ(o->runtime.context, 2048);
}

TEST(Parameters, AbsurdValuesAreErrorsThatNameTheParameter) {
  const std::pair<const char*, const char*> cases[] = {{"temperature", "1e308"}, {"temperature", "-1"},
                                                       {"temperature", "hot"},   {"temperature", ""},
                                                       {"temperature", "nan"},   {"temperature", "1e999"},
                                                       {"top_p", "1.01"},        {"top_k", "2.5"},
                                                       {"num_predict", "-5"},    {"num_predict", "1e18"},
                                                       {"seed", "4294967296"},   {"seed", "-2"},
                                                       {"num_ctx", "0"},         {"num_ctx", "99999999999"},
                                                       {"num_batch", "0"},       {"mirostat", "3"},
                                                       {"use_mmap", "maybe"},    {"stop", ""},
                                                       {"repeat_penalty", "0"},  {"top_k", "5 "}};
  for (const auto& [name, value] : cases) {
    const auto o = to_options({{name, value}});
    ASSERT_FALSE(o) << name << "=" << value;
    EXPECT_EQ(o.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(o.error().param, name);
    EXPECT_NE(o.error().message.find(name), std::string::npos);
  }
}

TEST(Parameters, AnUnknownNameIsAnErrorWithTheNearestOne) {
  const auto o = to_options({{"temprature", "1"}});

  ASSERT_FALSE(o);
  EXPECT_EQ(o.error().message, "unknown parameter 'temprature'; did you mean 'temperature'?");
  EXPECT_EQ(o.error().param, "temprature");
}

TEST(Parameters, NamesThatChangeNothingAreReported) {
  const auto o = to_options({{"use_mlock", "true"}, {"num_keep", "24"}});

  ASSERT_TRUE(o) << o.error().message;
  EXPECT_EQ(o->without_effect, (std::vector<std::string>{"use_mlock", "num_keep"}));
}

TEST(Parameters, StopsAreBounded) {
  Parameters many(inference::kMaxStops, {"stop", "x"});
  EXPECT_TRUE(to_options(many));
  many.emplace_back("stop", "x");
  EXPECT_FALSE(to_options(many));
  EXPECT_TRUE(to_options({{"stop", std::string(kStopBytesMax, 'x')}}));
  EXPECT_FALSE(to_options({{"stop", std::string(kStopBytesMax + 1, 'x')}}));
}

}  // namespace
}  // namespace hearth::models
