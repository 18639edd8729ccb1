// SPDX-License-Identifier: Apache-2.0
#include "partial_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace hearth::models {
namespace {

constexpr std::string_view kMagic = "hearth-partial-1";

std::string_view next_word(std::string_view& rest) {
  const auto end = std::min(rest.find(' '), rest.size());
  const auto word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<std::uint64_t> number(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

}  // namespace

PartialState PartialState::fresh(std::uint64_t size, std::uint64_t range, std::string validator) {
  PartialState state;
  state.size = size;
  state.range = std::max({range, std::uint64_t{1}, (size + kRangesMax - 1) / kRangesMax});
  std::ranges::replace_if(validator, [](unsigned char c) { return c <= ' ' || c == 0x7F; }, '_');
  state.validator = validator.empty() ? "-" : std::move(validator);
  state.done.assign((size + state.range - 1) / state.range, false);
  return state;
}

std::optional<PartialState> PartialState::parse(std::string_view text) {
  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  auto head = text.substr(0, line_end);
  if (next_word(head) != kMagic) return std::nullopt;
  const auto size = number(next_word(head));
  const auto range = number(next_word(head));
  if (!size || !range || *range == 0 || (*size + *range - 1) / *range > kRangesMax) return std::nullopt;
  auto state = fresh(*size, *range, std::string{next_word(head)});
  for (auto rest = text.substr(line_end + 1);;) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return state;
    const auto index = number(rest.substr(0, end));
    if (!index || *index >= state.done.size()) return std::nullopt;
    state.done[*index] = true;
    rest.remove_prefix(end + 1);
  }
}

std::string PartialState::head_line() const { return fmt::format("{} {} {} {}\n", kMagic, size, range, validator); }

std::string PartialState::done_line(std::size_t index) { return fmt::format("{}\n", index); }

std::uint64_t PartialState::length_of(std::size_t index) const { return std::min(range, size - offset_of(index)); }

std::uint64_t PartialState::bytes_done() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < done.size(); ++i) bytes += done[i] ? length_of(i) : 0;
  return bytes;
}

bool PartialState::complete() const {
  return std::ranges::all_of(done, [](bool d) { return d; });
}

}  // namespace hearth::models
