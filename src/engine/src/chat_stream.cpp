// SPDX-License-Identifier: Apache-2.0
#include "chat_stream.hpp"

#include <json.h>

#include <algorithm>
#include <span>
#include <utility>

#include "hearth/base/id.hpp"
#include "hearth/base/text.hpp"

namespace hearth::engine {
namespace {

constexpr std::size_t kKeptTail = 64;  // of a long stretch of plain text in what is parsed again

/// What `after` has more than `before`; if it is no continuation, what follows their common beginning.
std::string_view beyond(std::string_view before, std::string_view after) {
  const auto apart = std::ranges::mismatch(before, after);
  return after.substr(static_cast<std::size_t>(apart.in2 - after.begin()));
}

/// Nothing that `before` says is taken back by `after`.
bool continues(const common_chat_msg& before, const common_chat_msg& after) {
  if (!after.content.starts_with(before.content)) return false;
  if (!after.reasoning_content.starts_with(before.reasoning_content)) return false;
  if (after.tool_calls.size() < before.tool_calls.size()) return false;
  return std::ranges::equal(before.tool_calls, std::span{after.tool_calls}.first(before.tool_calls.size()),
                            [](const auto& a, const auto& b) { return b.arguments.starts_with(a.arguments); });
}

bool is_json_object(const std::string& text) {
  try {
    return common_json::parse(text).is_object();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

ChatStream::ChatStream(std::shared_ptr<const ChatParser> parser)
    : parser_{std::move(parser)}, scanner_{parser_->markers()} {
  if (!parser_->is_continuation()) return;
  initial_ = parse("").message;
  known_ = initial_;
}

ParsedChat ChatStream::parse(std::string_view text) {
  ParsedChat parsed = parser_->parse(text);
  parsed_ += parsed.cost;
  credit_ -= std::min(credit_, parsed.cost);
  return parsed;
}

std::vector<ChatDelta> ChatStream::feed(std::string_view text) {
  std::string joined = std::exchange(cut_character_, {});
  joined += text;
  const std::size_t whole = text::complete_utf8_prefix(joined);
  cut_character_ = joined.substr(whole);
  joined.resize(whole);
  if (parser_->is_passthrough() || mode_ == Mode::raw) {
    send_text(ChatRegion::content, joined);
    return std::exchange(out_, {});
  }
  received_ += joined;
  pending_ += joined;
  credit_ += kParseBudget * joined.size();
  advance();
  return std::exchange(out_, {});
}

void ChatStream::advance() {
  if (mode_ == Mode::verbatim && !pass_verbatim()) return;
  parse_pending();
}

/// Sends plain text up to the first marker. True if there is a whole one, and parsing has to go on from it.
bool ChatStream::pass_verbatim() {
  const bool json = region_ == ChatRegion::json_text;
  const MarkerScanner::Hit hit = json ? scanner_.find_in_json_string(pending_) : scanner_.find(pending_);
  send_text(region_, std::string_view{pending_}.substr(0, hit.offset));
  pending_.erase(0, hit.offset);
  if (hit.complete) mode_ = Mode::parsing;
  return hit.complete;
}

void ChatStream::parse_pending() {
  // A beginning of a marker may turn out to be text: parsing it as either would be a guess.
  const std::size_t settled = scanner_.open_end(pending_);
  work_.append(pending_, 0, settled);
  pending_.erase(0, settled);
  if (work_.size() == work_parsed_ || credit_ < parser_->base_cost() + work_.size()) return;
  const ParsedChat parsed = parse(work_);
  work_parsed_ = work_.size();
  apply(parsed);
}

void ChatStream::apply(const ParsedChat& parsed) {
  if (parsed.failed) return give_up(parsed.failed_at);
  // A reading that takes back what was sent is not believed; finish() decides.
  if (!continues(known_, parsed.message)) return;
  send_changes(known_, parsed.message, /*last=*/false);
  known_ = parsed.message;
  const bool text = parsed.tail == ChatRegion::content || parsed.tail == ChatRegion::reasoning;
  const bool open_call = calls_.size() == known_.tool_calls.size() && !calls_.empty() && calls_.back().announced;
  if (text || (parsed.tail != ChatRegion::structure && open_call)) enter_verbatim(parsed);
}

void ChatStream::enter_verbatim(const ParsedChat& parsed) {
  const bool same = parsed.tail == region_ && parsed.tail_start == region_start_ && region_work_ > 0;
  if (same && region_ != ChatRegion::json_text) {
    // The marker meant nothing here. Forget it: a text full of them would otherwise be parsed over and over.
    work_.resize(region_work_);
    known_ = region_known_;
  } else {
    shorten_tail(parsed);
    region_ = parsed.tail;
    region_start_ = parsed.tail_start;
    region_work_ = work_.size();
    region_known_ = known_;
  }
  work_parsed_ = work_.size();
  mode_ = Mode::verbatim;
}

/// A long stretch of plain text parses like a short one: keep only its beginning.
void ChatStream::shorten_tail(const ParsedChat& parsed) {
  if (parsed.tail != ChatRegion::content && parsed.tail != ChatRegion::reasoning) return;
  const std::size_t start = std::max(parsed.tail_start, parser_->base_cost()) - parser_->base_cost();
  const std::size_t visible = work_.find_first_not_of(" \t\r\n\v\f", start);
  if (visible == std::string::npos || work_.size() - visible <= kKeptTail) return;
  const std::size_t keep = visible + text::complete_utf8_prefix(std::string_view{work_}.substr(visible, kKeptTail));
  std::string& text = parsed.tail == ChatRegion::content ? known_.content : known_.reasoning_content;
  const std::string_view dropped = std::string_view{work_}.substr(keep);
  if (keep == visible || !text.ends_with(dropped)) return;
  text.resize(text.size() - dropped.size());
  work_.resize(keep);
}

/// The output has left its format for good: deliver what was understood before, and the rest as it is.
void ChatStream::give_up(std::size_t failed_at) {
  failed_at = std::max(failed_at, region_work_);
  const std::string rest = work_.substr(std::min(failed_at, work_.size())) + pending_;
  const ParsedChat good = parse(std::string_view{work_}.substr(0, failed_at));
  if (good.failed) {
    send_text(ChatRegion::content, work_.substr(region_work_) + pending_);
  } else {
    send_changes(known_, good.message, /*last=*/true);
    send_text(ChatRegion::content, rest);
  }
  pending_.clear();
  received_.clear();
  mode_ = Mode::raw;
  malformed_ = true;
}

void ChatStream::send_changes(const common_chat_msg& before, const common_chat_msg& after, bool last) {
  send_text(ChatRegion::reasoning, beyond(before.reasoning_content, after.reasoning_content));
  send_text(ChatRegion::content, beyond(before.content, after.content));
  for (std::size_t i = 0; i < after.tool_calls.size(); ++i) {
    const bool closed = last || i + 1 < after.tool_calls.size();
    send_call(i, i < before.tool_calls.size() ? before.tool_calls[i].arguments : "", after.tool_calls[i], closed);
  }
}

/// `before`: what a former reading had of the arguments; all of it was sent if the call is announced.
void ChatStream::send_call(std::size_t index, std::string_view before, const common_chat_tool_call& call, bool closed) {
  if (calls_.size() <= index) calls_.emplace_back();
  Call& sent = calls_[index];
  if (sent.announced) {
    if (call.name == sent.name && call.arguments.starts_with(before)) {
      send_arguments(index, std::string_view{call.arguments}.substr(before.size()));
    } else {
      malformed_ = true;
    }
    return;
  }
  // The name is sure once something follows it; an id of the template's may come after the arguments.
  const bool named = closed || call.arguments.size() > 1;
  if (call.name.empty() || !named || (parser_->has_tool_ids() && call.id.empty() && !closed)) return;
  sent = {.announced = true,
          .id = call.id.empty() ? random_id("call_") : call.id,
          .name = call.name,
          .arguments = call.arguments};
  out_.emplace_back(
      inference::ToolCallDelta{.index = index, .id = sent.id, .name = sent.name, .arguments = sent.arguments});
}

void ChatStream::send_arguments(std::size_t index, std::string_view text) {
  if (text.empty()) return;
  calls_[index].arguments += text;
  out_.emplace_back(inference::ToolCallDelta{.index = index, .id = {}, .name = {}, .arguments = std::string{text}});
}

void ChatStream::send_text(ChatRegion region, std::string_view text) {
  if (text.empty()) return;
  if (region == ChatRegion::json_text) return send_arguments(calls_.size() - 1, text);
  if (region == ChatRegion::raw_text) return send_arguments(calls_.size() - 1, json_escaped(text));
  const bool reasoning = region == ChatRegion::reasoning;
  (reasoning ? reasoning_bytes_ : content_bytes_) += text.size();
  if (!parser_->is_passthrough()) (reasoning ? reasoning_ : content_) += text;
  if (reasoning) {
    out_.emplace_back(inference::ReasoningDelta{std::string{text}});
  } else {
    out_.emplace_back(inference::TextDelta{.text = std::string{text}, .logprobs = {}, .tokens = {}});
  }
}

std::vector<ChatDelta> ChatStream::finish(bool stopped_early) {
  if (parser_->is_passthrough() || mode_ == Mode::raw) return {};
  const ParsedChat parsed = parse(received_);
  if (parsed.too_deep) {
    finish_abridged();
  } else if (parsed.failed) {
    finish_failed(parsed);
  } else {
    finish_read(parsed.message, stopped_early);
  }
  if (!stopped_early) check_last_call();
  return std::exchange(out_, {});
}

common_chat_msg ChatStream::sent() const {
  common_chat_msg sent = initial_;
  sent.content += content_;
  sent.reasoning_content += reasoning_;
  for (const Call& call : calls_) sent.tool_calls.push_back({call.name, call.arguments, call.id});
  return sent;
}

void ChatStream::finish_read(const common_chat_msg& message, bool stopped_early) {
  malformed_ = malformed_ || !continues(sent(), message);
  const std::size_t before = content_.size() + reasoning_.size();
  send_changes(sent(), message, /*last=*/true);
  if (content_.size() + reasoning_.size() > before || !message.tool_calls.empty()) return;
  if (mode_ == Mode::verbatim) return send_text(region_, std::string{pending_});  // the beginning of a marker: text
  const bool blank = received_.find_first_not_of(" \t\r\n") == std::string::npos;
  if (stopped_early || before > 0 || has_tool_calls() || blank) return;
  send_text(ChatRegion::content, received_);  // markers only, or a call broken off before its name
  malformed_ = true;
}

/// Too many open brackets in the whole answer, perhaps in its plain text, which the abridged one does not have.
void ChatStream::finish_abridged() {
  const ParsedChat parsed = parse(work_ + pending_);
  if (parsed.failed) return give_up(parsed.failed_at);
  send_changes(known_, parsed.message, /*last=*/true);
}

void ChatStream::finish_failed(const ParsedChat& parsed) {
  const std::size_t delivered = received_.size() - pending_.size();
  const bool plain = region_ == ChatRegion::content || region_ == ChatRegion::reasoning;
  if (mode_ == Mode::verbatim && plain) {  // the end is the beginning of a marker that is missing
    malformed_ = malformed_ || parsed.failed_at < delivered;
    return send_text(region_, std::string{pending_});
  }
  malformed_ = true;
  const ParsedChat good = parse(std::string_view{received_}.substr(0, parsed.failed_at));
  if (!good.failed && continues(sent(), good.message)) {
    send_changes(sent(), good.message, /*last=*/true);
    send_text(ChatRegion::content, std::string_view{received_}.substr(parsed.failed_at));
  } else {
    send_text(ChatRegion::content, work_.substr(region_work_) + pending_);
  }
}

/// A call whose arguments stop in the middle although the model said that it was done.
void ChatStream::check_last_call() {
  if (calls_.empty() || !calls_.back().announced) return;
  if (!is_json_object(calls_.back().arguments)) malformed_ = true;
}

}  // namespace hearth::engine
