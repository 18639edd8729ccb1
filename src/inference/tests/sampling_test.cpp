// SPDX-License-Identifier: Apache-2.0
#include "hearth/inference/sampling.hpp"

#include <gtest/gtest.h>

namespace hearth::inference {
namespace {

TEST(Sampling, RequestWinsOverTheModelsDefaults) {
  Sampling request;
  request.temperature = 0.0F;
  request.logit_bias = {{.token = 7, .bias = 1}};
  Sampling model;
  model.temperature = 0.9F;
  model.top_k = 20;
  model.logit_bias = {{.token = 8, .bias = -1}};

  const Sampling result = merged(request, model);

  EXPECT_EQ(result.temperature, 0.0F);
  EXPECT_EQ(result.top_k, 20);
  EXPECT_FALSE(result.top_p.has_value());
  EXPECT_EQ(result.logit_bias.size(), 2U);
}

}  // namespace
}  // namespace hearth::inference
