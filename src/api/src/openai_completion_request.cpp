// SPDX-License-Identifier: Apache-2.0
#include "openai_completion_request.hpp"

#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

/// OpenAI's default for this route is 16, and 0 (with echo) scores the prompt; n_predict has -1 for no limit.
void read_max_tokens(JsonReader& r, inference::Generation& out) {
  constexpr std::int32_t kDefaultMaxTokens = 16;
  bool unlimited = false;
  r.read("max_tokens", out.max_tokens, 0, kMaxTokens);
  if (const auto n = r.integer("n_predict", -1, kMaxTokens)) {
    unlimited = *n == -1;
    if (!unlimited) out.max_tokens = static_cast<std::int32_t>(*n);
  }
  if (!out.max_tokens && !unlimited) out.max_tokens = kDefaultMaxTokens;
}

void read_response_format(JsonReader& r, inference::Constraint& out) {
  r.object("response_format", [&](JsonReader& f) {
    const auto type = f.one_of("type", {"text", "json_object"});
    if (!type) f.fail("type", "is required");
    if (type == "json_object") set_constraint(f, "type", out, {inference::Constraint::Kind::json_object, {}, {}});
  });
}

void read_choices(JsonReader& r, CompletionCall& out) {
  const auto n = r.integer("n", 1, inference::kMaxChoices);
  const auto best_of = r.integer("best_of", 1, inference::kMaxChoices);
  out.n = static_cast<std::int32_t>(n.value_or(1));
  out.request.generation.n = static_cast<std::int32_t>(best_of.value_or(out.n));
  if (out.request.generation.n < out.n) r.fail("best_of", "must be at least n");
  if (out.view.stream && out.request.generation.n > out.n) r.fail("best_of", "cannot be streamed when it exceeds n");
}

void read_body(JsonReader& r, CompletionCall& out) {
  inference::Generation& generation = out.request.generation;
  out.request.model = r.string("model").value_or("");
  out.prompts = read_inputs(r, "prompt", kMaxPrompts);
  read_view(r, out.view);
  if (auto suffix = r.string("suffix"); suffix && !suffix->empty()) out.request.suffix = *std::move(suffix);
  out.echo = r.boolean("echo").value_or(false);
  read_choices(r, out);
  read_max_tokens(r, generation);
  read_stop(r, "stop", generation.stop);
  if (const auto v = r.integer("logprobs", 0, kMaxCompletionLogprobs)) {
    generation.logprobs = static_cast<std::int32_t>(*v);
    out.request.prompt_logprobs = out.echo;
  }
  read_sampling(r, generation.sampling);
  read_response_format(r, generation.constraint);
  read_constraint(r, generation.constraint);
  read_engine_fields(r, generation);
  ignore_account_fields(r);
  if (out.echo && out.request.suffix) r.fail("echo", "cannot be combined with suffix");
}

}  // namespace

Result<CompletionCall> read_completion(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  CompletionCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_body(r, out); }));
  return out;
}

}  // namespace hearth::api::openai
