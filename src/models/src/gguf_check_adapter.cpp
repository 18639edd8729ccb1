// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <unordered_map>

#include "gguf_check.hpp"

namespace hearth::models {
namespace {

using gguf::corrupt;
using gguf::shown;

constexpr std::string_view kA = ".lora_a";
constexpr std::string_view kB = ".lora_b";

// libllama asks for these types without looking, which is an assertion.
Result<> check_keys(const GgufInfo& adapter, const GgufInfo& base) {
  for (const auto* key : {"general.type", "general.architecture", "adapter.type"}) {
    const GgufValue* value = adapter.find(key);
    if (value == nullptr || value->type != GgufType::string) {
      return corrupt(fmt::format("key '{}' (string) is missing from the adapter", key));
    }
  }
  if (adapter.text("general.type") != "adapter" || adapter.text("adapter.type") != "lora") {
    return corrupt("the file is no LoRA adapter: general.type must be 'adapter' and adapter.type 'lora'");
  }
  if (adapter.architecture() != base.architecture()) {
    return corrupt(fmt::format("the adapter is for architecture '{}' and the model is '{}'",
                               shown(adapter.architecture()), shown(base.architecture())));
  }
  const GgufValue* alpha = adapter.find("adapter.lora.alpha");
  if (alpha == nullptr) return {};
  if (alpha->type != GgufType::f32 || !std::isfinite(std::get<double>(alpha->data))) {
    return corrupt("key 'adapter.lora.alpha' must be a finite f32");
  }
  return {};
}

/// Both are multiplied with what the model computes, as the graph is built: ggml asserts that the sizes fit.
Result<> check_pair(const GgufTensor& a, const GgufTensor& b, const GgufTensor& weight) {
  const bool embedding = weight.name == "token_embd.weight";  // rows of `a` are looked up there
  const std::uint64_t in = embedding ? weight.dims[1] : weight.dims[0];
  const std::uint64_t out = embedding ? weight.dims[0] : weight.dims[1];
  const std::uint64_t rank = b.dims[0];
  const bool fits = embedding ? a.dims[1] == in && a.dims[0] == rank : a.dims[0] == in && a.dims[1] == rank;
  const bool same_experts = a.dims[2] == weight.dims[2] && b.dims[2] == weight.dims[2];
  if (!fits || b.dims[1] != out || !same_experts || a.dims[3] != 1 || b.dims[3] != 1) {
    return corrupt(fmt::format("tensors '{}' and '{}' do not fit the model's", shown(a.name), shown(b.name)));
  }
  for (const GgufTensor* t : {&a, &b}) {
    if (t->type->weights) continue;
    return corrupt(
        fmt::format("tensor '{}' is of type {}, which no weight matrix can have", shown(t->name), t->type->name));
  }
  return {};
}

}  // namespace

Result<> check_adapter(const GgufInfo& adapter, const GgufInfo& base) {
  HEARTH_CHECKED(check_keys(adapter, base));
  std::unordered_map<std::string_view, const GgufTensor*> weights;
  for (const auto& t : base.tensors) weights.emplace(t.name, &t);
  std::unordered_map<std::string_view, const GgufTensor*> all;
  for (const auto& t : adapter.tensors) all.emplace(t.name, &t);
  for (const auto& t : adapter.tensors) {
    const std::string_view name = t.name;
    if (name.ends_with("_norm.weight")) continue;  // libllama passes over them
    if (!name.ends_with(kA) && !name.ends_with(kB)) {
      return corrupt(fmt::format("tensor '{}' is neither {} nor {}", shown(name), kA, kB));
    }
    const std::string_view weight = name.substr(0, name.size() - kA.size());
    const auto other = all.find(fmt::format("{}{}", weight, name.ends_with(kA) ? kB : kA));
    const auto target = weights.find(weight);
    if (other == all.end()) return corrupt(fmt::format("tensor '{}' lacks its other half", shown(name)));
    if (target == weights.end()) return corrupt(fmt::format("the model has no tensor '{}'", shown(weight)));
    if (weight == "token_embd.weight" && !weights.contains("output.weight")) {
      return corrupt("the adapter changes token_embd.weight, which this model uses for its output as well");
    }
    if (name.ends_with(kA)) HEARTH_CHECKED(check_pair(t, *other->second, *target->second));
  }
  return {};
}

}  // namespace hearth::models
