// SPDX-License-Identifier: Apache-2.0
#include "image_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "manifest.hpp"

namespace hearth::models {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// A value as PARAMETER wrote it: number or boolean if it reads as one.
Json typed(const std::string& value) {
  auto json = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  return json.is_number() || json.is_boolean() ? json : Json(value);
}

std::string written(const Json& value) { return value.is_string() ? value.get<std::string>() : dump(value); }

}  // namespace

std::string encode_config(const ImageConfig& config) {
  Json diff_ids = Json::array();
  for (const auto& hex : config.layers) diff_ids.push_back(with_algorithm(hex));
  const Json rootfs{{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
  Json out{{"model_format", "gguf"},
           {"model_family", config.family},
           {"model_families", Json::array({config.family})},
           {"model_type", config.parameter_size},
           {"file_type", config.quantization},
           {"architecture", "amd64"},
           {"os", "linux"},
           {"rootfs", rootfs}};
  if (config.context_length > 0) out["context_length"] = config.context_length;
  if (config.embedding_length > 0) out["embedding_length"] = config.embedding_length;
  if (!config.capabilities.empty()) out["capabilities"] = config.capabilities;
  return dump(out);
}

std::string encode_parameters(const Parameters& parameters) {
  Json out = Json::object();
  for (const auto& [key, value] : parameters) {
    if (key == "stop") {
      out[key].push_back(value);
    } else if (!out.contains(key)) {
      out[key] = typed(value);
    } else {
      if (!out[key].is_array()) out[key] = Json::array({out[key]});
      out[key].push_back(typed(value));
    }
  }
  return dump(out);
}

Result<Parameters> parse_parameters(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(ErrorCode::corrupt_data, "the params layer is not a JSON object");
  Parameters out;
  for (const auto& [key, value] : json.items()) {
    if (value.is_array()) {
      for (const auto& element : value) out.emplace_back(key, written(element));
    } else if (!value.is_null()) {
      out.emplace_back(key, written(value));
    }
  }
  return out;
}

std::string encode_messages(const std::vector<SeedMessage>& messages) {
  Json out = Json::array();
  for (const auto& message : messages) out.push_back({{"role", message.role}, {"content", message.content}});
  return dump(out);
}

Result<std::vector<SeedMessage>> parse_messages(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return fail(ErrorCode::corrupt_data, "the messages layer is not a JSON array");
  std::vector<SeedMessage> out;
  for (const auto& entry : json) {
    const auto has = [&](const char* key) {
      return entry.is_object() && entry.contains(key) && entry[key].is_string();
    };
    if (!has("role") || !has("content")) {
      return fail(ErrorCode::corrupt_data, fmt::format("message {} has no role or no content", out.size()));
    }
    out.push_back({entry["role"].get<std::string>(), entry["content"].get<std::string>()});
  }
  return out;
}

}  // namespace hearth::models
