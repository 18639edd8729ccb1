// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "openai_chat_request.hpp"
#include "openai_shape.hpp"

namespace hearth::api::openai {

inline constexpr std::size_t kMaxItems = 100'000;  // of input

struct ResponsesCall {
  inference::ChatRequest request;    // messages: those of `input` alone
  std::string instructions;          // a system message in front, not carried over to the next response
  std::string previous_response_id;  // empty: none
  bool store = true;
  bool logprobs = false;
  View view;
  Json echo;  // the fields of the response object that repeat the request
};

/// The body of POST /v1/responses. Pure.
Result<ResponsesCall> read_responses(std::string_view body);

/// `input`: a string, or items (messages, function calls and their outputs, reasoning).
void read_items(JsonReader& r, std::vector<inference::Message>& out);

}  // namespace hearth::api::openai
