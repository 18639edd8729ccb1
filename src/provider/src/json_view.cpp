// SPDX-License-Identifier: Apache-2.0
#include "json_view.hpp"

#include <cmath>

namespace hearth::provider {

std::optional<std::int64_t> JsonView::integer() const {
  std::int64_t value = 0;
  if (!element_ || element_->get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::string JsonView::text() const { return element_ ? simdjson::minify(*element_) : "null"; }

std::optional<double> JsonView::number() const {
  double value = 0;
  if (!element_ || element_->get(value) != simdjson::SUCCESS || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::string> JsonView::string() const {
  std::string_view value;
  if (!element_ || element_->get(value) != simdjson::SUCCESS) return std::nullopt;
  return std::string{value};
}

JsonView at(const JsonView& object, std::string_view name) {
  simdjson::dom::element found;
  if (!object.element_ || object.element_->at_key(name).get(found) != simdjson::SUCCESS) return {};
  return JsonView{found};
}

std::string text_at(const JsonView& object, std::string_view name) { return at(object, name).string().value_or(""); }

std::optional<double> number_at(const JsonView& object, std::string_view name) { return at(object, name).number(); }

std::int64_t count_at(const JsonView& object, std::string_view name) {
  constexpr double kMost = 1e15;
  const auto value = number_at(object, name);
  return value && *value >= 0 && *value <= kMost ? static_cast<std::int64_t>(*value) : 0;
}

JsonView JsonLine::parse(std::string_view text) {
  padded_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded_.assign(text);
  simdjson::dom::element root;
  if (parser_.parse(padded_.data(), padded_.size(), /*realloc_if_needed=*/false).get(root) != simdjson::SUCCESS)
    return {};
  return JsonView{root};
}

}  // namespace hearth::provider
