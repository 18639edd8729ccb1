// SPDX-License-Identifier: Apache-2.0
#include "openai_input.hpp"

#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

using Kind = JsonValue::Kind;

inference::TokenId read_token(const JsonValue& value) {
  return static_cast<inference::TokenId>(value.integer(0, kMaxTokens));
}

std::vector<inference::TokenId> read_tokens(const JsonValue& value) {
  std::vector<inference::TokenId> out;
  value.each(kMaxInputTokens, [&](const JsonValue& item) { out.push_back(read_token(item)); });
  if (out.empty()) value.fail("must not be empty");
  return out;
}

}  // namespace

std::vector<Input> read_inputs(JsonReader& r, std::string_view name, std::size_t most) {
  std::vector<Input> out;
  const auto value = r.value(name);
  if (!value) {
    r.fail(name, "is required");
    return out;
  }
  if (value->is(Kind::string)) {
    out.emplace_back(value->string());
    return out;
  }
  if (!value->is(Kind::array)) {
    value->fail("must be a string, an array of strings, or token ids");
    return out;
  }
  // The first item decides: numbers make the array one prompt, anything else an array of prompts.
  const auto first = value->first();
  if (first && (first->is(Kind::integer) || first->is(Kind::number))) {
    out.emplace_back(read_tokens(*value));
    return out;
  }
  value->each(most, [&](const JsonValue& item) {
    if (item.is(Kind::array)) {
      out.emplace_back(read_tokens(item));
    } else {
      out.emplace_back(item.string());
    }
  });
  if (out.empty()) value->fail("must not be empty");
  return out;
}

}  // namespace hearth::api::openai
