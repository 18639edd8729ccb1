// SPDX-License-Identifier: Apache-2.0
#include "responses_store.hpp"

#include <algorithm>
#include <numeric>

namespace hearth::api {
namespace {

std::size_t size_of(const StoredResponse& response) {
  std::size_t bytes = sizeof(StoredResponse) + response.id.size() + response.body.size();
  for (const inference::Message& message : response.messages) {
    bytes += sizeof(message) + message.reasoning.size();
    for (const inference::ContentPart& part : message.content) {
      bytes += sizeof(part);
      if (const auto* text = std::get_if<inference::TextPart>(&part)) bytes += text->text.size();
      if (const auto* image = std::get_if<inference::ImagePart>(&part))
        bytes += image->bytes.size() + image->url.size();
    }
    for (const inference::ToolCall& call : message.tool_calls) bytes += sizeof(call) + call.arguments.size();
  }
  return bytes;
}

}  // namespace

ResponseStore::ResponseStore(Bounds bounds) : bounds_{bounds}, entries_{std::make_shared<const Entries>()} {}

void ResponseStore::put(StoredResponse response, Clock::time_point now) {
  const std::size_t bytes = size_of(response);
  if (bytes > bounds_.max_bytes || bounds_.max_responses == 0) return;
  const Entry added{std::make_shared<const StoredResponse>(std::move(response)), bytes, now + bounds_.ttl};
  auto before = entries_.load();
  std::shared_ptr<const Entries> after;
  do {
    auto next = std::make_shared<Entries>(*before);
    std::erase_if(*next, [&](const Entry& e) { return e.expires <= now; });
    std::size_t total = std::accumulate(next->begin(), next->end(), bytes,
                                        [](std::size_t sum, const Entry& e) { return sum + e.bytes; });
    auto keep = next->begin();
    while (total > bounds_.max_bytes || static_cast<std::size_t>(next->end() - keep) >= bounds_.max_responses) {
      total -= keep->bytes;
      ++keep;
    }
    next->erase(next->begin(), keep);
    next->push_back(added);
    after = std::move(next);
  } while (!entries_.compare_exchange_weak(before, after));
}

std::shared_ptr<const StoredResponse> ResponseStore::find(const std::string& id, std::string_view owner,
                                                          Clock::time_point now) const {
  const auto entries = entries_.load();
  const auto at = std::ranges::find_if(
      *entries, [&](const Entry& e) { return e.response->id == id && e.response->owner == owner; });
  return at == entries->end() || at->expires <= now ? nullptr : at->response;
}

bool ResponseStore::erase(const std::string& id, std::string_view owner, Clock::time_point now) {
  auto before = entries_.load();
  std::shared_ptr<const Entries> after;
  do {
    const auto at = std::ranges::find_if(
        *before, [&](const Entry& e) { return e.response->id == id && e.response->owner == owner; });
    if (at == before->end() || at->expires <= now) return false;
    auto next = std::make_shared<Entries>(*before);
    next->erase(next->begin() + (at - before->begin()));
    after = std::move(next);
  } while (!entries_.compare_exchange_weak(before, after));
  return true;
}

std::size_t ResponseStore::size() const { return entries_.load()->size(); }

}  // namespace hearth::api
