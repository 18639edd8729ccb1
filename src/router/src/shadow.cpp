// SPDX-License-Identifier: Apache-2.0
#include "shadow.hpp"

#include <fmt/format.h>

#include "agreement.hpp"
#include "hearth/base/text.hpp"

namespace hearth::router {
namespace {

constexpr std::size_t kTextMax = 64 * 1024;  // of an answer that is compared
constexpr std::int32_t kJudgeTokens = 8;

Task<Result<std::string>> async_text(Attempt attempt, Ask ask) {
  HEARTH_CO_TRY(const provider::EventStreamPtr stream, co_await async_begin(std::move(attempt), std::move(ask)));
  std::string text;
  while (auto event = co_await stream->async_next()) {
    if (const auto* delta = std::get_if<inference::TextDelta>(&event->body)) {
      if (text.size() < kTextMax) text += delta->text;
    } else if (const auto* failed = std::get_if<inference::Failed>(&event->body)) {
      co_return fail(failed->error);
    }
  }
  co_return text;
}

}  // namespace

inference::ChatRequest judge_request(std::string_view question, std::string_view first, std::string_view second) {
  inference::ChatRequest request;
  request.messages.push_back(
      {.role = "user",
       .content = {inference::TextPart{fmt::format(
           "Two assistants answered one question. Do their answers say the same in everything that matters? Reply with "
           "one word, yes or no.\n\n<question>\n{}\n</question>\n<first>\n{}\n</first>\n<second>\n{}\n</second>",
           question, first, second)}},
       .reasoning = {},
       .tool_calls = {},
       .tool_call_id = {},
       .tool_name = {}});
  request.generation.max_tokens = kJudgeTokens;
  request.generation.sampling.temperature = 0;
  return request;
}

std::optional<bool> judgement_of(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n\"'*"), text.size());
  const std::string word = text::to_lower_ascii(text.substr(begin, 3));
  if (word == "yes") return true;
  if (word.starts_with("no")) return false;
  return std::nullopt;
}

Task<> async_check(ShadowCheck check, Settlement settlement, std::function<void(const ShadowVerdict&)> tell) {
  ShadowVerdict& verdict = check.verdict;
  const Result<std::string> second = co_await async_text(check.attempt, check.ask);
  if (!second) {
    verdict.error = second.error().code;
  } else if (check.judge) {
    Attempt again = check.attempt;
    const Result<std::string> word =
        co_await async_text(std::move(again), judge_request(question_of(check.ask), check.answer, *second));
    const auto judged = word ? judgement_of(*word) : std::nullopt;
    if (!judged) verdict.error = word ? ErrorCode::upstream_error : word.error().code;
    verdict.agrees = judged.value_or(false);
    verdict.agreement = verdict.agrees ? 1 : 0;
  } else {
    verdict.agreement = co_await async_agreement(check.attempt, check.embedder, check.answer, *second);
    verdict.agrees = verdict.agreement >= check.agreement;
  }
  settlement.ended(verdict.error);
  if (!verdict.error) settlement.outcome().target = verdict.shadow_target;
  verdict.cost_usd = settlement.bill()->usd;
  tell(verdict);
}

}  // namespace hearth::router
