// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "hearth/base/text.hpp"
#include "hearth/base/version.hpp"
#include "json_write.hpp"
#include "native_encode.hpp"

namespace hearth::api::native {
namespace {

using nlohmann::json;

template <class T>
void put(json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = *value;
}

void put_bias(json& object, const std::vector<inference::LogitBias>& biases) {
  if (biases.empty()) return;
  json list = json::array();
  for (const auto& bias : biases) {
    json entry{{"bias", bias.bias}};
    std::visit([&](const auto& token) { entry["token"] = token; }, bias.token);
    list.push_back(std::move(entry));
  }
  object["logit_bias"] = std::move(list);
}

void put_sampling(json& object, const inference::Sampling& s) {
  put(object, "seed", s.seed);
  put(object, "temperature", s.temperature);
  put(object, "dynatemp_range", s.dynatemp_range);
  put(object, "dynatemp_exponent", s.dynatemp_exponent);
  put(object, "top_k", s.top_k);
  put(object, "top_p", s.top_p);
  put(object, "min_p", s.min_p);
  put(object, "typical_p", s.typical_p);
  put(object, "top_n_sigma", s.top_n_sigma);
  put(object, "xtc_probability", s.xtc_probability);
  put(object, "xtc_threshold", s.xtc_threshold);
  put(object, "repeat_last_n", s.repeat_last_n);
  put(object, "repeat_penalty", s.repeat_penalty);
  put(object, "frequency_penalty", s.frequency_penalty);
  put(object, "presence_penalty", s.presence_penalty);
  put(object, "dry_multiplier", s.dry_multiplier);
  put(object, "dry_base", s.dry_base);
  put(object, "dry_allowed_length", s.dry_allowed_length);
  put(object, "dry_penalty_last_n", s.dry_penalty_last_n);
  put(object, "dry_sequence_breakers", s.dry_sequence_breakers);
  put(object, "mirostat", s.mirostat);
  put(object, "mirostat_tau", s.mirostat_tau);
  put(object, "mirostat_eta", s.mirostat_eta);
  put(object, "adaptive_target", s.adaptive_target);
  put(object, "adaptive_decay", s.adaptive_decay);
  put(object, "min_keep", s.min_keep);
  put(object, "samplers", s.samplers);
  put(object, "ignore_eos", s.ignore_eos);
  put_bias(object, s.logit_bias);
}

}  // namespace

json settings_json(const inference::Generation& generation, bool stream) {
  json object{{"stream", stream}, {"n_predict", generation.max_tokens.value_or(-1)}, {"stop", generation.stop}};
  object["max_tokens"] = object["n_predict"];
  object["n_probs"] = generation.logprobs.value_or(0);
  if (generation.constraint.kind == inference::Constraint::Kind::gbnf) object["grammar"] = generation.constraint.text;
  put_sampling(object, generation.sampling);
  return object;
}

json tokens_json(const std::vector<provider::Piece>& pieces, bool with_pieces) {
  json tokens = json::array();
  for (const provider::Piece& piece : pieces) {
    if (!with_pieces) {
      tokens.push_back(piece.id);
      continue;
    }
    json text = piece.bytes;
    if (!text::is_valid_utf8(piece.bytes)) {
      text = json::array();
      for (const char c : piece.bytes) text.push_back(static_cast<unsigned char>(c));
    }
    tokens.push_back({{"id", piece.id}, {"piece", std::move(text)}});
  }
  return {{"tokens", std::move(tokens)}};
}

json props_json(const std::string& model, const provider::ModelInfo& info, std::int32_t slots) {
  return {{"default_generation_settings", {{"params", json::object()}, {"n_ctx", info.context}}},
          {"total_slots", slots},
          {"model_alias", model},
          {"modalities", {{"vision", false}, {"video", false}, {"audio", false}}},
          {"endpoint_slots", true},
          {"endpoint_props", false},
          {"endpoint_metrics", true},
          {"chat_template", info.chat_template},
          {"chat_template_caps", {{"supports_tools", info.can_use_tools}, {"supports_tool_calls", info.can_use_tools}}},
          {"bos_token", info.bos_token},
          {"eos_token", info.eos_token},
          {"build_info", "hearth-" + std::string{version()}},
          {"is_sleeping", false},
          {"cors_proxy_enabled", false}};
}

json slots_json(const std::vector<provider::Slot>& slots) {
  json list = json::array();
  for (const provider::Slot& slot : slots) {
    list.push_back({{"id", slot.id},
                    {"n_ctx", slot.context},
                    {"speculative", false},
                    {"is_processing", slot.processing},
                    {"n_prompt_tokens", slot.prompt_tokens},
                    {"n_prompt_tokens_processed", slot.prompt_tokens_done},
                    {"n_prompt_tokens_cache", slot.cached_tokens},
                    {"next_token", json::array({{{"n_decoded", slot.generated_tokens}}})}});
  }
  return list;
}

std::string embeddings_body(const inference::Embeddings& embeddings) {
  std::string out = "[";
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    out += fmt::format(R"({}{{"index":{},"embedding":[)", i == 0 ? "" : ",", i);
    append_json_floats(out, embeddings.vectors[i]);
    out += "]}";
  }
  return out += "]";
}

}  // namespace hearth::api::native
