// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/chat_reader.hpp"

#include "chat_stream.hpp"

namespace hearth::engine {

ChatReader::ChatReader(const RenderedChat& chat) : stream_{std::make_unique<ChatStream>(chat.parser)} {}
ChatReader::~ChatReader() = default;
ChatReader::ChatReader(ChatReader&&) noexcept = default;
ChatReader& ChatReader::operator=(ChatReader&&) noexcept = default;

std::vector<ChatDelta> ChatReader::feed(std::string_view text) { return stream_->feed(text); }
std::vector<ChatDelta> ChatReader::finish(bool stopped_early) { return stream_->finish(stopped_early); }
bool ChatReader::has_tool_calls() const { return stream_->has_tool_calls(); }

double ChatReader::reasoning_share() const {
  const auto reasoning = static_cast<double>(stream_->reasoning_bytes());
  const double all = reasoning + static_cast<double>(stream_->content_bytes());
  return all > 0 ? reasoning / all : 0;
}

}  // namespace hearth::engine
