// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hearth/inference/event.hpp"
#include "json_text.hpp"

namespace hearth::provider {

/// The content blocks of Anthropic's stream to native events. A block that these have no word for is put together and
/// given out whole. Pure.
class AnthropicBlocks {
 public:
  void start(std::int64_t index, const Json& block, std::vector<inference::Event>& out);
  void delta(std::int64_t index, const Json& delta, std::vector<inference::Event>& out);
  void stop(std::int64_t index, std::vector<inference::Event>& out);
  /// The message has ended: so have blocks of servers that do not say so.
  void stop_all(std::vector<inference::Event>& out);

 private:
  enum class Kind : std::uint8_t { text, thinking, tool, opaque };
  struct Block {
    Kind kind = Kind::opaque;
    std::size_t call = 0;  // of a tool block
    std::string held;      // the signature of a thinking block, the input of an opaque one
    Json json;             // an opaque one
  };

  void start_text(const Json& block, std::vector<inference::Event>& out);
  void give_delta(Block* block, const Json& delta, std::vector<inference::Event>& out);

  std::map<std::int64_t, Block> open_;
  std::size_t calls_ = 0;
  bool after_text_ = false;  // the block before was a text
};

}  // namespace hearth::provider
