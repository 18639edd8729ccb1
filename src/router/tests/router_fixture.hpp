// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "fake_target.hpp"

namespace hearth::router::testing {

struct Got {
  std::string text;
  std::optional<Error> refusal;  // before the stream
  std::optional<Error> broken;   // inside it
  bool finished = false;
  std::size_t logprobs = 0;
  provider::Placement placement;
  inference::Usage usage;
  std::vector<std::string> degraded;
};

struct RouterTest : ::testing::Test {
  asio::io_context io;
  std::vector<std::unique_ptr<FakeTarget>> fakes;
  std::shared_ptr<Table> table = std::make_shared<Table>();
  std::unique_ptr<Router> router;
  std::vector<Outcome> outcomes;
  std::unique_ptr<Ledger> ledger;  // none unless the test makes one

  RouterTest() {
    policy::Policy::Options options;
    options.ceilings[static_cast<int>(policy::Zone::cluster)] = policy::Label::internal;
    options.ceilings[static_cast<int>(policy::Zone::cloud)] = policy::Label::public_;
    table->policy = std::make_shared<const policy::Policy>(options);
  }

  FakeTarget& add(const std::string& name, std::vector<Script> scripts, double price = 0, double quality = 0.5,
                  policy::Zone zone = policy::Zone::device) {
    fakes.push_back(std::make_unique<FakeTarget>(std::move(scripts)));
    table->targets.push_back({.name = name,
                              .model = name.substr(name.find('/') + 1),
                              .zone = zone,
                              .capabilities = kChat | kLogprobs,
                              .context = 1000,
                              .quality = quality,
                              .price = {.input = price, .cached_input = price, .output = price},
                              .local = fakes.back().get()});
    return *fakes.back();
  }
  Route& route(Strategy strategy, const std::string& name = "auto") {
    Route route{.name = name, .strategy = strategy};
    for (std::size_t i = 0; i < table->targets.size(); ++i) route.targets.push_back(i);
    table->routes.push_back(std::move(route));
    return table->routes.back();
  }

  static inference::ChatRequest request(const std::string& model = "auto", const std::string& text = "hello") {
    inference::ChatRequest request;
    request.model = model;
    request.messages.push_back({.role = "user",
                                .content = {inference::TextPart{text}},
                                .reasoning = {},
                                .tool_calls = {},
                                .tool_call_id = {},
                                .tool_name = {}});
    return request;
  }

  static Task<> pull(Router& router, provider::RequestContext context, inference::ChatRequest request, Got& got) {
    auto stream = co_await router.async_chat(std::move(context), std::move(request));
    if (!stream) {
      got.refusal = stream.error();
      co_return;
    }
    got.placement = (*stream)->placement().value();
    got.degraded = (*stream)->degraded();
    while (auto event = co_await (*stream)->async_next()) {
      if (auto* text = std::get_if<inference::TextDelta>(&event->body)) {
        got.text += text->text;
        got.logprobs += text->logprobs.size();
      } else if (auto* failed = std::get_if<inference::Failed>(&event->body)) {
        got.broken = failed->error;
      } else if (std::holds_alternative<inference::Finished>(event->body)) {
        got.finished = true;
        got.usage.add_choice(std::get<inference::Finished>(event->body).usage);
      }
    }
  }
  Got ask(inference::ChatRequest chat = request(), provider::RequestContext context = {}) {
    if (!router) {
      router = Router::create(
          {.local = nullptr, .on_outcome = [this](const Outcome& o) { outcomes.push_back(o); }, .ledger = ledger.get()},
          table);
    }
    Got got;
    io.restart();
    asio::co_spawn(io, pull(*router, std::move(context), std::move(chat), got), asio::detached);
    io.run();
    return got;
  }
};

}  // namespace hearth::router::testing
