// SPDX-License-Identifier: Apache-2.0
#include "bill.hpp"

#include <algorithm>
#include <variant>

#include "plan.hpp"

namespace hearth::router {

constexpr std::size_t kBytesPerToken = 4;
constexpr std::size_t kMostBytesPerToken = 32;  // on average; only answers of nothing but blanks have longer ones
constexpr std::size_t kJudgedBytes = 1024;      // shorter answers may well be three long tokens

/// A server that counts fewer tokens than the text can have, or none, does not say what it used.
bool tells_usage(const inference::Usage& usage, std::size_t bytes) {
  if (bytes == 0) return true;
  const auto tokens = static_cast<std::size_t>(std::max<std::int64_t>(usage.completion_tokens, 0));
  return tokens > 0 && (bytes < kJudgedBytes || bytes / kMostBytesPerToken <= tokens);
}

Charge::~Charge() {
  if (!bill_) return;
  bill_what_was_seen();
  reservation_.settle(usd_);
}

void Charge::bill_what_was_seen() {
  if (unbilled_bytes_ == 0) return;
  const auto tokens = static_cast<std::int64_t>(unbilled_bytes_ / kBytesPerToken + 1);
  add(cost_of(price_, told_ ? 0 : prompt_tokens_, 0, tokens));
  unbilled_bytes_ = 0;
  told_ = true;
}

void Charge::add(double usd) {
  usd_ += usd;
  bill_->usd += usd;
}

void Charge::add_prompt(std::int64_t tokens) { add(cost_of(price_, tokens > 0 ? tokens : prompt_tokens_, 0, 0)); }

void Charge::take(const inference::Usage& usage) {
  if (!tells_usage(usage, unbilled_bytes_)) return;
  unbilled_bytes_ = 0;
  told_ = true;
  const auto counted = [](std::int64_t tokens) { return std::max<std::int64_t>(tokens, 0); };
  const std::int64_t prompt = counted(usage.prompt_tokens);
  add(cost_of(price_, prompt, std::min(counted(usage.cached_tokens), prompt), counted(usage.completion_tokens)));
}

void Charge::note(const inference::Event& event) {
  if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    unbilled_bytes_ += text->text.size();
  } else if (const auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    unbilled_bytes_ += thought->text.size();
  } else if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    unbilled_bytes_ += call->arguments.size() + call->name.size();
  } else if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    take(done->usage);
    if (--unfinished_ == 0) bill_what_was_seen();
  }
}

}  // namespace hearth::router
