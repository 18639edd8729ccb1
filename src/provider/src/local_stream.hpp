// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "hearth/engine/chat_reader.hpp"
#include "hearth/engine/pool.hpp"
#include "hearth/provider/provider.hpp"

namespace hearth::provider {

/// The answer of the embedded engine. Keeps the model from being unloaded while it lives.
class LocalStream final : public EventStream {
 public:
  /// `chat` null: raw text. `load`: how long the model took to be there.
  LocalStream(engine::Lease lease, std::unique_ptr<engine::Generation> generation,
              std::shared_ptr<const engine::RenderedChat> chat, std::vector<std::string> degraded,
              std::chrono::nanoseconds load);

  Task<std::optional<inference::Event>> async_next() override;
  std::vector<std::string> degraded() const override { return degraded_; }

 private:
  void read_text(std::int32_t choice, inference::TextDelta delta);
  void read_end(std::int32_t choice, inference::Finished finished);
  void queue(std::int32_t choice, std::vector<engine::ChatDelta> deltas);
  engine::ChatReader& reader(std::int32_t choice);

  engine::Lease lease_;
  std::unique_ptr<engine::Generation> generation_;  // after the lease: destroyed (cancelled) before it
  std::shared_ptr<const engine::RenderedChat> chat_;
  std::vector<std::string> degraded_;
  std::chrono::nanoseconds load_;
  std::map<std::int32_t, engine::ChatReader> readers_;
  std::deque<inference::Event> ready_;
};

}  // namespace hearth::provider
