// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

/// Fields that several APIs share, under OpenAI's and llama-server's names. Ranges are those of the samplers; what lies
/// outside is a 400 that names the field.
namespace hearth::api {

inline constexpr std::size_t kMaxLogitBiases = 4096;
inline constexpr std::size_t kMaxStopBytes = 1024;  // of one stop string
inline constexpr std::size_t kMaxSequenceBreakers = 64;
inline constexpr std::size_t kMaxSamplers = 32;
inline constexpr std::int64_t kMaxTokens = 2'147'483'647;
inline constexpr double kMaxTemperature = 100;
inline constexpr std::int64_t kMaxTopLogprobs = 20;

/// temperature, top_k, …, mirostat_eta, samplers, ignore_eos, seed, logit_bias: every field of Sampling.
void read_sampling(JsonReader& r, inference::Sampling& out);

/// A string or an array of them, none empty.
void read_stop(JsonReader& r, std::string_view name, std::vector<std::string>& out);

/// cache_prompt, cache_salt, t_max_predict_ms and priority; and the fields of llama-server that do not change an answer
/// (id_slot, timings_per_token, …) or that are refused (lora, post_sampling_probs, …).
void read_engine_fields(JsonReader& r, inference::Generation& out);

/// grammar, json_schema, guided_json, guided_regex, guided_choice, guided_grammar, structured_outputs, regex, choice.
/// At most one of them, and none when `out` has a constraint already.
void read_constraint(JsonReader& r, inference::Constraint& out);

/// Sets `out`, or faults at `name` when it is set already.
void set_constraint(JsonReader& r, std::string_view name, inference::Constraint& out, inference::Constraint wanted);

}  // namespace hearth::api
