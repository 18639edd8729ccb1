// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hearth/privacy/redaction.hpp"
#include "hearth/provider/provider.hpp"

namespace hearth::router {

/// Puts back into an answer what was hidden from whoever made it: in text, in reasoning and in the arguments of tools,
/// each choice by itself, wherever the pieces are cut.
class RestoredStream final : public provider::EventStream {
 public:
  RestoredStream(provider::EventStreamPtr stream, std::shared_ptr<const privacy::Placeholders> hidden)
      : stream_{std::move(stream)}, hidden_{std::move(hidden)} {}

  Task<std::optional<inference::Event>> async_next() override;
  std::vector<std::string> degraded() const override;
  std::string_view told_model() const override { return stream_->told_model(); }

 private:
  struct Choice {
    privacy::Restorer text;
    privacy::Restorer reasoning;
    std::map<std::size_t, privacy::Restorer> calls;
  };
  Choice& choice(std::int32_t index);
  void restore(inference::Event& event);
  /// What was held because it might have been the beginning of a placeholder.
  void release(std::int32_t index);

  provider::EventStreamPtr stream_;
  std::shared_ptr<const privacy::Placeholders> hidden_;
  std::map<std::int32_t, Choice> choices_;
  std::deque<inference::Event> ready_;
};

}  // namespace hearth::router
