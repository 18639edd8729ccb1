// SPDX-License-Identifier: Apache-2.0
#include "tool_results.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace hearth::api {
namespace {

using inference::Message;
using inference::ToolCall;

/// The calls of a conversation in their order. Each list is walked once in all, however many results there are.
class Calls {
 public:
  void add(const ToolCall& call) {
    const std::size_t index = calls_.size();
    calls_.push_back({&call});
    by_id_[call.id] = index;
    of_name_[call.name].indices.push_back(index);
    all_.indices.push_back(index);
  }

  /// Null: it answers none.
  const ToolCall* answered_by(const Message& result) {
    if (!result.tool_call_id.empty()) {
      const auto at = by_id_.find(result.tool_call_id);
      return at == by_id_.end() ? nullptr : answer(at->second);
    }
    if (result.tool_name.empty()) return oldest(all_);
    const auto at = of_name_.find(result.tool_name);
    if (at == of_name_.end()) return nullptr;
    const ToolCall* open = oldest(at->second);
    return open != nullptr ? open : calls_[at->second.indices.back()].call;
  }

 private:
  struct Entry {
    const ToolCall* call;
    bool answered = false;
  };
  struct Queue {
    std::vector<std::size_t> indices;
    std::size_t next = 0;
  };

  const ToolCall* answer(std::size_t index) {
    calls_[index].answered = true;
    return calls_[index].call;
  }

  const ToolCall* oldest(Queue& queue) {
    while (queue.next < queue.indices.size() && calls_[queue.indices[queue.next]].answered) ++queue.next;
    return queue.next == queue.indices.size() ? nullptr : answer(queue.indices[queue.next]);
  }

  std::vector<Entry> calls_;
  std::unordered_map<std::string_view, std::size_t> by_id_;
  std::unordered_map<std::string_view, Queue> of_name_;
  Queue all_;
};

/// Numbered, not random: the same conversation gives the same prompt, which is cached.
void name_calls(std::vector<Message>& messages) {
  std::unordered_set<std::string_view> given;
  for (const Message& message : messages) {
    for (const ToolCall& call : message.tool_calls) given.insert(call.id);
  }
  std::size_t number = 0;
  for (Message& message : messages) {
    for (ToolCall& call : message.tool_calls) {
      while (call.id.empty()) {
        std::string id = fmt::format("call_{}", ++number);
        if (!given.contains(id)) call.id = std::move(id);
      }
    }
  }
}

}  // namespace

void pair_tool_results(std::vector<Message>& messages) {
  name_calls(messages);
  Calls calls;
  for (Message& message : messages) {
    for (const ToolCall& call : message.tool_calls) calls.add(call);
    if (message.role != "tool") continue;
    const ToolCall* call = calls.answered_by(message);
    if (call == nullptr) continue;
    message.tool_call_id = call->id;
    if (message.tool_name.empty()) message.tool_name = call->name;
  }
}

}  // namespace hearth::api
