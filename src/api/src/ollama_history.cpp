// SPDX-License-Identifier: Apache-2.0
#include "ollama_history.hpp"

#include <utility>

#include "hearth/base/log.hpp"

namespace hearth::api::ollama {
namespace {

class HistoryStream : public provider::EventStream {
 public:
  HistoryStream(provider::EventStreamPtr events, provider::Local& engine, provider::RequestContext context,
                History history, std::shared_ptr<Tokens> out)
      : events_{std::move(events)},
        engine_{engine},
        context_{std::move(context)},
        history_{std::move(history)},
        out_{std::move(out)} {}

  std::vector<std::string> degraded() const override { return events_->degraded(); }
  std::optional<provider::Placement> placement() const override { return events_->placement(); }

  Task<std::optional<inference::Event>> async_next() override {
    std::optional<inference::Event> event = co_await events_->async_next();
    if (!event) co_return event;
    if (const auto* delta = std::get_if<inference::TextDelta>(&event->body)) history_.prompt += delta->text;
    if (std::holds_alternative<inference::Finished>(event->body)) co_await async_fill();
    co_return event;
  }

 private:
  Task<> async_fill() {
    Result<Tokens> all = co_await async_extend(engine_, context_, history_, history_.prompt);
    if (all) {
      *out_ = *std::move(all);
    } else {
      log::warn("api.no_history", {{"request", context_.id}, {"reason", traits(all.error().code).name}});
    }
  }

  provider::EventStreamPtr events_;
  provider::Local& engine_;
  provider::RequestContext context_;
  History history_;
  std::shared_ptr<Tokens> out_;
};

}  // namespace

provider::EventStreamPtr with_history(provider::EventStreamPtr events, provider::Local& engine,
                                      provider::RequestContext context, History history, std::shared_ptr<Tokens> out) {
  return std::make_unique<HistoryStream>(std::move(events), engine, std::move(context), std::move(history),
                                         std::move(out));
}

Task<Result<Tokens>> async_extend(provider::Local& engine, provider::RequestContext context, const History& history,
                                  std::string text) {
  const bool first = history.before.empty();
  HEARTH_CO_TRY(const std::vector<provider::Piece> pieces,
                co_await engine.async_tokenize(std::move(context), history.model, std::move(text),
                                               /*add_special=*/first, /*parse_special=*/true));
  Tokens all = history.before;
  all.reserve(all.size() + pieces.size());
  for (const provider::Piece& piece : pieces) all.push_back(piece.id);
  co_return all;
}

}  // namespace hearth::api::ollama
