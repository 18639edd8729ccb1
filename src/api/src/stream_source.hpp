// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "hearth/provider/provider.hpp"

namespace hearth::api {

/// One event stream of an answer and the place of its choices in it: an answer to several prompts has several streams,
/// and choice c of a stream is choice first_choice + c of the answer.
struct StreamSource {
  provider::EventStreamPtr stream;
  std::int32_t first_choice = 0;
};

inline std::vector<StreamSource> one_source(provider::EventStreamPtr stream) {
  std::vector<StreamSource> sources;
  sources.push_back(StreamSource{std::move(stream), 0});
  return sources;
}

}  // namespace hearth::api
