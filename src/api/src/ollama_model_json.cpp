// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "ollama_encode.hpp"
#include "rfc3339.hpp"

namespace hearth::api::ollama {

using nlohmann::json;

json details_json(const models::Model& model) {
  json details{{"parent_model", model.parent},
               {"format", model.format},
               {"family", model.family},
               {"families", model.family.empty() ? json::array() : json::array({model.family})},
               {"parameter_size", model.parameter_size},
               {"quantization_level", model.quantization}};
  if (model.context_length > 0) details["context_length"] = model.context_length;
  if (model.embedding_length > 0) details["embedding_length"] = model.embedding_length;
  return details;
}

json tag_json(const models::Model& model) {
  return {{"name", model.name},
          {"model", model.name},
          {"modified_at", rfc3339(model.modified)},
          {"size", model.size},
          {"digest", model.digest},
          {"details", details_json(model)},
          {"capabilities", model.capabilities}};
}

json running_json(const provider::Running& running, const models::Model* model, WallClock::time_point now) {
  // A model that is busy or pinned has no end yet; Ollama then shows one far away.
  constexpr auto kNoEnd = std::chrono::hours{24 * 365 * 100};
  return {{"name", running.name},
          {"model", running.name},
          {"size", running.bytes},
          {"digest", running.digest},
          {"details", details_json(model != nullptr ? *model : models::Model{})},
          {"expires_at", rfc3339(running.expires_at.value_or(now + kNoEnd))},
          {"size_vram", running.device_bytes},
          {"context_length", running.context}};
}

std::string parameters_text(const models::Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '\n';
    out += name == "stop" ? fmt::format("{:<30} {}", name, json(value).dump()) : fmt::format("{:<30} {}", name, value);
  }
  return out;
}

}  // namespace hearth::api::ollama
