// SPDX-License-Identifier: Apache-2.0
#include "confidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/base/text.hpp"

namespace hearth::router {
namespace {

constexpr std::size_t kWatchedText = 64 * 1024;  // bytes of an answer that checks look at

/// Words in lower case; everything that is neither letter nor digit separates. Bytes above ASCII are letters.
std::map<std::string, int, std::less<>> words_of(std::string_view text) {
  std::map<std::string, int, std::less<>> words;
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || (std::isalnum(byte) != 0)) {
      word += static_cast<char>(std::tolower(byte));
    } else if (!word.empty()) {
      ++words[word];
      word.clear();
    }
  }
  if (!word.empty()) ++words[word];
  return words;
}

}  // namespace

void ConfidenceMeter::watch(const inference::Event& event) {
  if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) {
    if (text_.size() < kWatchedText) text_ += text->text;
    for (const inference::TokenLogprob& token : text->logprobs) {
      sum_ += token.logprob;
      ++tokens_;
      window_.push_back(token.logprob);
      window_sum_ += token.logprob;
      if (window_.size() > kWindow) {
        window_sum_ -= window_.front();
        window_.pop_front();
      }
    }
  } else if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    std::string& arguments = calls_[{event.choice, call->index}];
    if (arguments.size() < kWatchedText) arguments += call->arguments;
  } else if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    filtered_ = filtered_ || done->reason == inference::FinishReason::content_filter;
    if (done->mean_logprob < 0) reported_ = std::min(reported_.value_or(0), done->mean_logprob);
  }
}

bool ConfidenceMeter::collapsed(double wanted, const Calibration& calibration) const {
  if (window_.size() < kWindow) return false;
  return calibration.apply(std::exp(window_sum_ / static_cast<double>(kWindow))) < wanted / 2;
}

bool ConfidenceMeter::is_well_formed() const {
  const auto is_json = [](const std::string& text) {
    return text.size() >= kWatchedText || nlohmann::json::accept(text);  // what was not seen whole is not judged
  };
  const auto is_call = [&](const auto& call) { return call.second.empty() || is_json(call.second); };
  return std::ranges::all_of(calls_, is_call) && (!json_ || !calls_.empty() || is_json(text_));
}

std::optional<double> ConfidenceMeter::value() const {
  const bool empty =
      std::ranges::all_of(text_, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
  if ((empty && calls_.empty()) || filtered_ || looks_like_refusal(text_) || goes_in_circles(text_)) return 0;
  if (!is_well_formed()) return 0;
  if (tokens_ > 0) return std::exp(sum_ / static_cast<double>(tokens_));
  if (reported_) return std::exp(*reported_);
  return std::nullopt;
}

bool looks_like_refusal(std::string_view text) {
  constexpr std::array<std::string_view, 10> kBeginnings{
      "i'm sorry, but i",   "i am sorry, but i", "sorry, i can",   "sorry, but i can", "i can't help with",
      "i cannot help with", "i'm unable to",     "i am unable to", "as an ai",         "i do not have the ability"};
  constexpr std::size_t kLooked = 80;
  std::string beginning = text::to_lower_ascii(text.substr(0, kLooked));
  for (std::size_t at; (at = beginning.find("\xE2\x80\x99")) != std::string::npos;) beginning.replace(at, 3, "'");
  const std::size_t start = std::min(beginning.find_first_not_of(" \t\r\n"), beginning.size());
  const std::string_view trimmed = std::string_view{beginning}.substr(start);
  return std::ranges::any_of(kBeginnings, [&](std::string_view b) { return trimmed.starts_with(b); });
}

bool goes_in_circles(std::string_view text) {
  constexpr std::size_t kShortest = 8;
  constexpr std::size_t kLongest = 200;
  constexpr std::size_t kTimes = 4;
  for (std::size_t length = kShortest; length <= kLongest && length * kTimes <= text.size(); ++length) {
    const std::string_view piece = text.substr(text.size() - length);
    bool repeats = true;
    for (std::size_t i = 2; i <= kTimes && repeats; ++i)
      repeats = text.substr(text.size() - i * length, length) == piece;
    if (repeats) return true;
  }
  return false;
}

double agreement(std::string_view a, std::string_view b) {
  const auto left = words_of(a.substr(0, kWatchedText));
  const auto right = words_of(b.substr(0, kWatchedText));
  if (left == right) return 1;
  int common = 0;
  int in_left = 0;
  int in_right = 0;
  for (const auto& [word, count] : left) {
    in_left += count;
    if (const auto it = right.find(word); it != right.end()) common += std::min(count, it->second);
  }
  for (const auto& [word, count] : right) in_right += count;
  return in_left + in_right == 0 ? 1 : 2.0 * common / (in_left + in_right);
}

}  // namespace hearth::router
