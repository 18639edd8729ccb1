// SPDX-License-Identifier: Apache-2.0
#include "openai_generation.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "sampling_fields.hpp"

namespace hearth::provider {
namespace {

using inference::Sampling;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("this provider's protocol cannot carry {}", what));
}

constexpr std::int32_t kMlxMaxTokens = 16'384;  // where the client gives none; mlx_lm.server would stop at 512

bool is_llama(Dialect d) { return d == Dialect::llama_server || d == Dialect::hearth; }
bool is_engine(Dialect d) { return is_llama(d) || d == Dialect::vllm || d == Dialect::sglang; }

/// Writes `value` under `name` if the dialect has that name; refuses it otherwise.
class Writer {
 public:
  Writer(Json& out, Dialect dialect) : out_{out}, dialect_{dialect} {}

  template <class T>
  void put(const std::optional<T>& value, const char* name, bool known) {
    if (!value) return;
    if (known) {
      out_[name] = *value;
    } else if (missing_.empty()) {
      missing_ = name;
    }
  }
  Dialect dialect() const { return dialect_; }
  Result<> result() const {
    if (missing_.empty()) return {};
    return fail(ErrorCode::unsupported, fmt::format("this provider's protocol cannot carry {}", missing_), missing_);
  }

 private:
  Json& out_;
  Dialect dialect_;
  std::string missing_;
};

Result<> add_logit_bias(const Sampling& s, Json& out) {
  for (const inference::LogitBias& bias : s.logit_bias) {
    const auto* id = std::get_if<std::int32_t>(&bias.token);
    if (id == nullptr) return cannot("a logit_bias for text");
    // OpenAI's range; -100 bans there what -infinity bans here.
    out["logit_bias"][std::to_string(*id)] =
        std::isfinite(bias.bias) ? std::clamp(bias.bias, -100.0F, 100.0F) : -100.0F;
  }
  return {};
}

/// What mlx_lm.server reads; what it does not know it ignores without a word.
Result<> add_mlx_sampling(const Sampling& s, Json& out) {
  static constexpr std::array<std::string_view, 8> kCarried{
      "temperature", "top_p", "top_k", "seed", "min_p", "repeat_penalty", "logit_bias", "xtc_probability"};
  if (const auto name = uncarried(s, kCarried)) return cannot(*name);
  Writer w{out, Dialect::mlx};
  w.put(s.seed, "seed", true);
  w.put(s.temperature, "temperature", true);
  w.put(s.top_p, "top_p", true);
  if (s.top_k) out["top_k"] = std::max(*s.top_k, 0);  // it fails at a negative one
  w.put(s.min_p, "min_p", true);
  w.put(s.repeat_penalty, "repetition_penalty", true);
  if (s.repeat_last_n.value_or(0) > 0) out["repetition_context_size"] = *s.repeat_last_n;
  w.put(s.xtc_probability, "xtc_probability", true);
  w.put(s.xtc_threshold, "xtc_threshold", true);
  return add_logit_bias(s, out);
}

Result<> add_sampling(Dialect dialect, const Sampling& s, Json& out) {
  if (dialect == Dialect::mlx) return add_mlx_sampling(s, out);
  const bool llama = is_llama(dialect);
  const bool engine = is_engine(dialect);
  Writer w{out, dialect};
  w.put(s.seed, "seed", true);
  w.put(s.temperature, "temperature", true);
  w.put(s.top_p, "top_p", true);
  w.put(s.frequency_penalty, "frequency_penalty", true);
  w.put(s.presence_penalty, "presence_penalty", true);
  w.put(s.top_k, "top_k", engine);
  w.put(s.min_p, "min_p", engine);
  w.put(s.repeat_penalty, llama ? "repeat_penalty" : "repetition_penalty", engine);
  w.put(s.ignore_eos, "ignore_eos", engine);
  w.put(s.dynatemp_range, "dynatemp_range", llama);
  w.put(s.dynatemp_exponent, "dynatemp_exponent", llama);
  w.put(s.typical_p, "typical_p", llama);
  w.put(s.top_n_sigma, "top_n_sigma", llama);
  w.put(s.xtc_probability, "xtc_probability", llama);
  w.put(s.xtc_threshold, "xtc_threshold", llama);
  w.put(s.repeat_last_n, "repeat_last_n", llama);
  w.put(s.dry_multiplier, "dry_multiplier", llama);
  w.put(s.dry_base, "dry_base", llama);
  w.put(s.dry_allowed_length, "dry_allowed_length", llama);
  w.put(s.dry_penalty_last_n, "dry_penalty_last_n", llama);
  w.put(s.dry_sequence_breakers, "dry_sequence_breakers", llama);
  w.put(s.mirostat, "mirostat", llama);
  w.put(s.mirostat_tau, "mirostat_tau", llama);
  w.put(s.mirostat_eta, "mirostat_eta", llama);
  w.put(s.adaptive_target, "adaptive_target", llama);
  w.put(s.adaptive_decay, "adaptive_decay", llama);
  w.put(s.min_keep, "min_keep", llama);
  w.put(s.samplers, "samplers", llama);
  HEARTH_CHECKED(add_logit_bias(s, out));
  return w.result();
}

Result<> add_schema(Dialect dialect, const std::string& schema, bool chat, Json& out) {
  Json parsed = parse_json(schema);
  if (parsed.is_null()) return fail(ErrorCode::invalid_request, "the JSON Schema is no JSON", "response_format");
  if (chat) {
    out["response_format"] = {{"type", "json_schema"},
                              {"json_schema", {{"name", "answer"}, {"schema", std::move(parsed)}, {"strict", true}}}};
    return {};
  }
  if (is_llama(dialect)) {
    out["json_schema"] = std::move(parsed);
    return {};
  }
  if (dialect == Dialect::vllm) {
    out["structured_outputs"] = {{"json", std::move(parsed)}};
    return {};
  }
  return cannot("a JSON Schema for a raw completion");
}

Result<> add_constraint(Dialect dialect, const inference::Constraint& constraint, bool chat, Json& out) {
  using Kind = inference::Constraint::Kind;
  switch (constraint.kind) {
    case Kind::none: return {};
    case Kind::json_object:
      if (!chat) return add_schema(dialect, R"({"type":"object"})", chat, out);
      out["response_format"] = {{"type", "json_object"}};
      return {};
    case Kind::json_schema: return add_schema(dialect, constraint.text, chat, out);
    case Kind::regex:
      if (dialect == Dialect::vllm || dialect == Dialect::hearth) {
        out["structured_outputs"] = {{"regex", constraint.text}};
      } else if (dialect == Dialect::sglang) {
        out["regex"] = constraint.text;
      } else {
        return cannot("a regular expression for the output");
      }
      return {};
    case Kind::choice:
      if (dialect == Dialect::sglang) {
        out["regex"] = regex_of(constraint.choices);
        return {};
      }
      if (dialect != Dialect::vllm && dialect != Dialect::hearth) return cannot("a list of choices for the output");
      out["structured_outputs"] = {{"choice", constraint.choices}};
      return {};
    case Kind::gbnf:
      if (!is_llama(dialect)) return cannot("a GBNF grammar");
      out["grammar"] = constraint.text;
      return {};
  }
  return {};
}

}  // namespace

std::string regex_of(const std::vector<std::string>& choices) {
  constexpr std::string_view kSpecial = R"(\^$.|?*+()[]{}-/)";
  std::string out;
  for (const std::string& choice : choices) {
    out += out.empty() ? "(" : "|";
    for (const char c : choice) {
      if (kSpecial.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out + ")";
}

Result<> add_generation(Dialect dialect, const inference::Generation& generation, bool chat, Json& out) {
  if (dialect == Dialect::mlx) {
    if (generation.n != 1) return cannot("n, several answers to one prompt");
    if (generation.logprobs) return cannot("logprobs");  // its streams have none
    if (generation.constraint.kind != inference::Constraint::Kind::none) return cannot("a constraint for the output");
    out["max_tokens"] = kMlxMaxTokens;
  }
  if (generation.max_tokens) {
    const bool renamed = chat && dialect == Dialect::openai;  // its reasoning models refuse the old name
    out[renamed ? "max_completion_tokens" : "max_tokens"] = *generation.max_tokens;
  }
  if (!generation.stop.empty()) out["stop"] = generation.stop;
  if (generation.n != 1) out["n"] = generation.n;
  if (generation.logprobs) {
    if (chat) {
      out["logprobs"] = true;
      if (*generation.logprobs > 0) out["top_logprobs"] = *generation.logprobs;
    } else {
      out["logprobs"] = *generation.logprobs;
    }
  }
  if (generation.time_limit) return cannot("a time limit for the answer");
  if (dialect == Dialect::llama_server && !generation.cache_prompt) out["cache_prompt"] = false;
  HEARTH_CHECKED(add_sampling(dialect, generation.sampling, out));
  return add_constraint(dialect, generation.constraint, chat, out);
}

}  // namespace hearth::provider
