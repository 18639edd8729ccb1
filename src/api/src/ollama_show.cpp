// SPDX-License-Identifier: Apache-2.0
#include "ollama_show.hpp"

#include "hearth/models/modelfile.hpp"
#include "ollama_encode.hpp"
#include "rfc3339.hpp"

namespace hearth::api::ollama {
namespace {

using nlohmann::json;

json array_json(const models::GgufArray& array, bool verbose) {
  if (!verbose || !array.kept) return nullptr;
  if (array.element == models::GgufType::string) return array.strings;
  if (array.element == models::GgufType::f32 || array.element == models::GgufType::f64) return array.floats;
  return array.integers;
}

json value_json(const models::GgufValue& value, bool verbose) {
  if (const auto* array = std::get_if<models::GgufArray>(&value.data)) return array_json(*array, verbose);
  json out;
  std::visit(
      [&out](const auto& scalar) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(scalar)>, models::GgufArray>) out = scalar;
      },
      value.data);
  return out;
}

json tensors_json(const models::GgufInfo& info) {
  json list = json::array();
  for (const models::GgufTensor& tensor : info.tensors) {
    json shape = json::array();
    for (std::uint32_t i = 0; i < tensor.n_dims && i < tensor.dims.size(); ++i) shape.push_back(tensor.dims[i]);
    list.push_back({{"name", tensor.name}, {"type", tensor.type->name}, {"shape", std::move(shape)}});
  }
  return list;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += '\n';
    out += part;
  }
  return out;
}

}  // namespace

json model_info_json(const models::GgufInfo& info, bool verbose) {
  json out = json::object();
  for (const auto& [key, value] : info.kv) {
    if (key != "tokenizer.chat_template") out[key] = value_json(value, verbose);
  }
  if (!info.tensors.empty()) out["general.parameter_count"] = info.parameter_count();
  return out;
}

json show_json(const models::Model& model, const models::GgufInfo& info, bool verbose) {
  json messages = json::array();
  for (const auto& message : model.messages) messages.push_back({{"role", message.role}, {"content", message.content}});
  json out{{"modelfile", models::print_modelfile(model)},
           {"parameters", parameters_text(model.parameters)},
           {"template", model.template_text.empty() ? std::string{info.chat_template()} : model.template_text},
           {"details", details_json(model)},
           {"model_info", model_info_json(info, verbose)},
           {"tensors", tensors_json(info)},
           {"capabilities", model.capabilities},
           {"modified_at", rfc3339(model.modified)}};
  if (!model.licenses.empty()) out["license"] = joined(model.licenses);
  if (!model.system.empty()) out["system"] = model.system;
  if (!messages.empty()) out["messages"] = std::move(messages);
  return out;
}

}  // namespace hearth::api::ollama
