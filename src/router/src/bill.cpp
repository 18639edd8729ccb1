// SPDX-License-Identifier: Apache-2.0
#include "bill.hpp"

#include <variant>

#include "plan.hpp"

namespace hearth::router {

constexpr std::size_t kBytesPerToken = 4;

Charge::~Charge() {
  if (!bill_) return;
  if (unbilled_bytes_ > 0) {
    const auto tokens = static_cast<std::int64_t>(unbilled_bytes_ / kBytesPerToken + 1);
    add(cost_of(price_, told_ ? 0 : prompt_tokens_, 0, tokens));
  }
  reservation_.settle(usd_);
}

void Charge::add(double usd) {
  usd_ += usd;
  bill_->usd += usd;
}

void Charge::add_prompt(std::int64_t tokens) { add(cost_of(price_, tokens, 0, 0)); }

void Charge::note(const inference::Event& event) {
  if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    unbilled_bytes_ += text->text.size();
  } else if (const auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    unbilled_bytes_ += thought->text.size();
  } else if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    unbilled_bytes_ += call->arguments.size() + call->name.size();
  } else if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    const bool told = done->usage.completion_tokens > 0 || unbilled_bytes_ == 0;
    if (!told) return;  // a server that hides what it used is billed by what was seen
    unbilled_bytes_ = 0;
    told_ = true;
    add(cost_of(price_, done->usage.prompt_tokens, done->usage.cached_tokens, done->usage.completion_tokens));
  }
}

}  // namespace hearth::router
