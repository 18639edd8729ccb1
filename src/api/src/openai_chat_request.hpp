// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::openai {

/// What the answer must look like, beside the native request.
struct View {
  bool stream = false;
  bool include_usage = false;         // stream_options
  std::vector<std::string> degraded;  // for x-hearth-degraded
};

struct ChatCall {
  inference::ChatRequest request;  // `model` is empty when the client named none
  View view;
  bool standard = true;         // nothing in it but what OpenAI defines
  std::optional<Error> beyond;  // of a lenient reader: what only a server elsewhere can do
};

/// The body of POST /v1/chat/completions. Pure.
Result<ChatCall> read_chat(std::string_view body);
/// The same, but what is not supported or not known here is left in `beyond`.
Result<ChatCall> read_chat_leniently(std::string_view body);

/// stream and stream_options.
void read_view(JsonReader& r, View& view);
/// user, metadata, …: accepted, without effect on the answer.
void ignore_account_fields(JsonReader& r);
/// reasoning_effort's value. "none" turns thinking off; levels that templates do not know are taken as the nearest one
/// and said so in `view.degraded`.
void set_effort(const std::string& effort, inference::Reasoning& out, View& view);

}  // namespace hearth::api::openai
