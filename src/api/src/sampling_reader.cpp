// SPDX-License-Identifier: Apache-2.0
#include "sampling_reader.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace hearth::api {
namespace {

using inference::Constraint;
using inference::LogitBias;
using inference::Sampling;
using Kind = JsonValue::Kind;

constexpr std::size_t kMaxChoiceCount = 1024;  // of guided_choice

/// llama-server's one-letter names (common/sampling.cpp, common_sampler_types_from_chars).
std::string_view sampler_of_letter(char letter) {
  switch (letter) {
    case 'd': return "dry";
    case 'k': return "top_k";
    case 'y': return "typ_p";
    case 'p': return "top_p";
    case 's': return "top_n_sigma";
    case 'm': return "min_p";
    case 't': return "temperature";
    case 'x': return "xtc";
    case 'i': return "infill";
    case 'e': return "penalties";
    case 'a': return "adaptive_p";
    default: return {};
  }
}

void read_samplers(JsonReader& r, Sampling& out) {
  const auto value = r.value("samplers");
  if (!value) return;
  if (!value->is(Kind::string)) {
    out.samplers = value->strings(kMaxSamplers);
    return;
  }
  out.samplers.emplace();
  if (value->view().size() > kMaxSamplers) return value->fail(fmt::format("names more than {} samplers", kMaxSamplers));
  for (const char letter : value->view()) {
    const std::string_view name = sampler_of_letter(letter);
    if (name.empty()) return value->fail("has a letter that names no sampler; give an array of names");
    out.samplers->emplace_back(name);
  }
}

/// OpenAI's seeds have 64 bits, the samplers' 32: folded, so that equal seeds stay equal. -1 is llama-server's
/// "random".
void read_seed(JsonReader& r, Sampling& out) {
  constexpr auto kLow = std::numeric_limits<std::int64_t>::min();
  constexpr auto kHigh = std::numeric_limits<std::int64_t>::max();
  const auto seed = r.integer("seed", kLow, kHigh);
  if (!seed || *seed == -1) return;
  const auto bits = static_cast<std::uint64_t>(*seed);
  out.seed = static_cast<std::uint32_t>(bits ^ (bits >> 32U));
}

float read_bias(const JsonValue& value) {
  if (value.is(Kind::boolean) && !value.boolean()) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(value.number(-100, 100));
}

/// {"15043": -100, "text": 1}.
void read_bias_object(const JsonValue& value, Sampling& out) {
  value.each_field(kMaxLogitBiases, [&](std::string_view key, const JsonValue& bias) {
    LogitBias entry;
    std::int32_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error == std::errc{} && end == key.data() + key.size()) {
      if (id < 0) return bias.fail("is not the id of a token");
      entry.token = id;
    } else {
      entry.token = std::string{key};
    }
    entry.bias = read_bias(bias);
    out.logit_bias.push_back(std::move(entry));
  });
}

/// [[15043, -100], ["text", false]].
void read_bias_pairs(const JsonValue& value, Sampling& out) {
  value.each(kMaxLogitBiases, [&](const JsonValue& pair) {
    if (!pair.is(Kind::array) || pair.size() != 2) return pair.fail("must be a pair: [token or text, bias]");
    LogitBias entry;
    bool first = true;
    pair.each(2, [&](const JsonValue& item) {
      if (!first) {
        entry.bias = read_bias(item);
      } else if (item.is(Kind::string)) {
        entry.token = item.string();
      } else {
        entry.token = static_cast<std::int32_t>(item.integer(0, kMaxTokens));
      }
      first = false;
    });
    out.logit_bias.push_back(std::move(entry));
  });
}

Constraint constraint_of(Constraint::Kind kind, std::string text) { return Constraint{kind, std::move(text), {}}; }

void read_schema(JsonReader& r, std::string_view name, Constraint& out) {
  const auto value = r.value(name);
  if (!value) return;
  // vLLM's clients also send the schema as text.
  if (value->is(Kind::string)) {
    const auto parsed = JsonDocument::parse(value->view());
    if (!parsed) return value->fail(fmt::format("is not a JSON Schema: {}", parsed.error().message));
    return set_constraint(r, name, out, constraint_of(Constraint::Kind::json_schema, value->string()));
  }
  if (!value->is(Kind::object) && !value->is(Kind::boolean)) return value->fail("must be a JSON Schema");
  set_constraint(r, name, out, constraint_of(Constraint::Kind::json_schema, value->raw()));
}

void read_text(JsonReader& r, std::string_view name, Constraint::Kind kind, Constraint& out) {
  const auto text = r.string(name);
  if (!text || (text->empty() && kind == Constraint::Kind::gbnf)) return;  // llama-server's clients send grammar: ""
  if (text->empty()) return r.fail(name, "must not be empty");
  set_constraint(r, name, out, constraint_of(kind, *text));
}

void read_choice(JsonReader& r, std::string_view name, Constraint& out) {
  const auto value = r.value(name);
  if (!value) return;
  Constraint wanted;
  wanted.kind = Constraint::Kind::choice;
  wanted.choices = value->strings(kMaxChoiceCount);
  if (wanted.choices.empty()) return value->fail("must have at least one choice");
  set_constraint(r, name, out, std::move(wanted));
}

}  // namespace

void set_constraint(JsonReader& r, std::string_view name, Constraint& out, Constraint wanted) {
  if (out.kind != Constraint::Kind::none)
    return r.fail(name, "cannot be combined with another constraint on the output");
  out = std::move(wanted);
}

void read_sampling(JsonReader& r, Sampling& out) {
  r.read("temperature", out.temperature, 0, kMaxTemperature);
  r.read("dynatemp_range", out.dynatemp_range, 0, kMaxTemperature);
  r.read("dynatemp_exponent", out.dynatemp_exponent, 0, 100);
  r.read("top_k", out.top_k, -1, kMaxTokens);
  r.read("top_p", out.top_p, 0, 1);
  r.read("min_p", out.min_p, 0, 1);
  r.read("typical_p", out.typical_p, 0, 1);
  r.read("top_n_sigma", out.top_n_sigma, -1, 100);
  r.read("xtc_probability", out.xtc_probability, 0, 1);
  r.read("xtc_threshold", out.xtc_threshold, 0, 1);
  r.read("repeat_last_n", out.repeat_last_n, -1, kMaxTokens);
  r.read("repeat_penalty", out.repeat_penalty, 0.01, 100);
  r.read("frequency_penalty", out.frequency_penalty, -2, 2);
  r.read("presence_penalty", out.presence_penalty, -2, 2);
  r.read("dry_multiplier", out.dry_multiplier, 0, 100);
  r.read("dry_base", out.dry_base, 0, 100);
  r.read("dry_allowed_length", out.dry_allowed_length, 0, kMaxTokens);
  r.read("dry_penalty_last_n", out.dry_penalty_last_n, -1, kMaxTokens);
  if (const auto v = r.value("dry_sequence_breakers")) out.dry_sequence_breakers = v->strings(kMaxSequenceBreakers);
  r.read("mirostat", out.mirostat, 0, 2);
  r.read("mirostat_tau", out.mirostat_tau, 0, 100);
  r.read("mirostat_eta", out.mirostat_eta, 0, 100);
  r.read("adaptive_target", out.adaptive_target, -1, 1);
  r.read("adaptive_decay", out.adaptive_decay, 0, 0.99);
  r.read("min_keep", out.min_keep, 0, kMaxTokens);
  r.read("ignore_eos", out.ignore_eos);
  read_samplers(r, out);
  read_seed(r, out);
  const auto bias = r.value("logit_bias");
  if (bias && bias->is(Kind::array)) read_bias_pairs(*bias, out);
  if (bias && !bias->is(Kind::array)) read_bias_object(*bias, out);
}

void read_stop(JsonReader& r, std::string_view name, std::vector<std::string>& out) {
  auto stops = r.strings(name, inference::kMaxStops);
  if (!stops) return;
  for (const std::string& stop : *stops) {
    if (stop.empty()) return r.fail(name, "must not hold an empty string");
    if (stop.size() > kMaxStopBytes) return r.fail(name, fmt::format("has a string over {} bytes", kMaxStopBytes));
  }
  out = *std::move(stops);
}

void read_engine_fields(JsonReader& r, inference::Generation& out) {
  if (const auto v = r.boolean("cache_prompt")) out.cache_prompt = *v;
  if (auto v = r.string("cache_salt")) out.cache_salt = *std::move(v);
  if (const auto v = r.integer("priority", -1'000'000, 1'000'000)) out.priority = static_cast<std::int32_t>(*v);
  if (const auto ms = r.integer("t_max_predict_ms", -1, kMaxTokens); ms && *ms > 0) {
    out.time_limit = std::chrono::milliseconds{*ms};
  }
  // Hints about slots, caches and reports of progress: the answer is the same without them.
  r.ignore({"id_slot", "n_keep", "n_discard", "n_cache_reuse", "timings_per_token", "sse_ping_interval", "verbose",
            "backend_sampling", "return_progress", "reasoning_control"});
  r.refuse("lora", "is not supported per request; make a model with ADAPTER in its Modelfile");
  for (const std::string_view name : {"post_sampling_probs", "grammar_lazy"}) {
    if (r.boolean(name).value_or(false)) r.fail(name, "is not supported", ErrorCode::unsupported);
  }
  r.refuse("grammar_triggers", "is not supported; use tools");
  r.refuse("preserved_tokens", "is not supported; use tools");
  r.refuse("n_indent", "is not supported");
}

void read_constraint(JsonReader& r, Constraint& out) {
  read_schema(r, "json_schema", out);
  read_schema(r, "guided_json", out);
  read_text(r, "grammar", Constraint::Kind::gbnf, out);
  read_text(r, "guided_grammar", Constraint::Kind::gbnf, out);
  read_text(r, "regex", Constraint::Kind::regex, out);
  read_text(r, "guided_regex", Constraint::Kind::regex, out);
  read_choice(r, "choice", out);
  read_choice(r, "guided_choice", out);
  r.ignore({"guided_decoding_backend"});
  r.refuse("guided_whitespace_pattern", "is not supported");
  r.object("structured_outputs", [&](JsonReader& s) {
    read_schema(s, "json", out);
    read_text(s, "grammar", Constraint::Kind::gbnf, out);
    read_text(s, "regex", Constraint::Kind::regex, out);
    read_choice(s, "choice", out);
    if (s.boolean("json_object").value_or(false)) {
      set_constraint(s, "json_object", out, constraint_of(Constraint::Kind::json_object, {}));
    }
  });
}

}  // namespace hearth::api
