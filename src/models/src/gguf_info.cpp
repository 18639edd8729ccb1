// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "hearth/models/gguf.hpp"

namespace hearth::models {
namespace {

// Indexed by general.file_type (llama_ftype of llama.cpp v0.5.0); empty where a number was removed.
constexpr std::array<std::string_view, 42> kFileTypes{
    "F32",    "F16",     "Q4_0",   "Q4_1",   "Q4_1_F16", "",       "",       "Q8_0",  "Q5_0",    "Q5_1",   "Q2_K",
    "Q3_K_S", "Q3_K_M",  "Q3_K_L", "Q4_K_S", "Q4_K_M",   "Q5_K_S", "Q5_K_M", "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S",
    "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",    "IQ3_M",  "IQ2_S",  "IQ2_M", "IQ4_XS",  "IQ1_M",  "BF16",
    "",       "",        "",       "TQ1_0",  "TQ2_0",    "MXFP4",  "NVFP4",  "Q1_0",  "Q2_0",
};

std::string_view heaviest_type(const std::vector<GgufTensor>& tensors) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const auto& t : tensors) bytes[t.type->name] += t.bytes;
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? "unknown" : most->first;
}

}  // namespace

const GgufValue* GgufInfo::find(std::string_view key) const {
  const auto found = kv.find(key);
  return found == kv.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> GgufInfo::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* s = std::get_if<std::int64_t>(&value->data)) return *s;
  const auto* u = std::get_if<std::uint64_t>(&value->data);
  if (u == nullptr || *u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(*u);
}

std::optional<double> GgufInfo::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* f = std::get_if<double>(&value->data)) return *f;
  const auto whole = integer(key);
  return whole ? std::optional{static_cast<double>(*whole)} : std::nullopt;
}

std::optional<bool> GgufInfo::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto* b = value == nullptr ? nullptr : std::get_if<bool>(&value->data);
  return b == nullptr ? std::nullopt : std::optional{*b};
}

std::string_view GgufInfo::text(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto* s = value == nullptr ? nullptr : std::get_if<std::string>(&value->data);
  return s == nullptr ? std::string_view{} : std::string_view{*s};
}

const GgufArray* GgufInfo::array(std::string_view key) const {
  const GgufValue* value = find(key);
  return value == nullptr ? nullptr : std::get_if<GgufArray>(&value->data);
}

const GgufTensor* GgufInfo::tensor(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &GgufTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

std::optional<std::int64_t> GgufInfo::hparam(std::string_view key) const {
  const std::string full = fmt::format("{}.{}", architecture(), key);
  if (const GgufArray* list = array(full)) {
    const auto most = std::ranges::max_element(list->integers);
    return most == list->integers.end() ? std::nullopt : std::optional{*most};
  }
  return integer(full);
}

std::int64_t GgufInfo::vocabulary_size() const {
  if (const GgufArray* tokens = array("tokenizer.ggml.tokens")) return static_cast<std::int64_t>(tokens->length);
  return hparam("vocab_size").value_or(0);
}

std::string_view GgufInfo::quantization() const {
  const auto type = integer("general.file_type");
  if (type && *type >= 0 && static_cast<std::size_t>(*type) < kFileTypes.size()) {
    const std::string_view name = kFileTypes[static_cast<std::size_t>(*type)];
    if (!name.empty()) return name;
  }
  return heaviest_type(tensors);
}

std::uint64_t GgufInfo::parameter_count() const {
  std::uint64_t sum = 0;
  for (const auto& t : tensors) sum += t.elements();
  return sum;
}

std::uint64_t GgufInfo::tensor_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& t : tensors) sum += t.bytes;
  return sum;
}

std::uint64_t GgufInfo::split_count() const {
  const auto count = integer("split.count");
  return count && *count > 1 ? static_cast<std::uint64_t>(*count) : 1;
}

std::string human_parameters(std::uint64_t count) {
  const auto scaled = static_cast<double>(count);
  const auto print = [](double value, int digits, char unit) {
    return value == std::floor(value) ? fmt::format("{:.0f}{}", value, unit)
                                      : fmt::format("{:.{}f}{}", value, digits, unit);
  };
  if (count >= 1'000'000'000) return print(scaled / 1e9, 1, 'B');
  if (count >= 1'000'000) return print(scaled / 1e6, 2, 'M');
  if (count >= 1'000) return fmt::format("{:.0f}K", scaled / 1e3);
  return fmt::format("{}", count);
}

}  // namespace hearth::models
