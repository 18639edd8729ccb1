// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hearth/engine/instance.hpp"

/// Runs requests on one of the small models of ../shared.
namespace hearth::engine {

inline std::filesystem::path shared_model(const char* name) {
  const char* shared = std::getenv("HEARTH_SHARED");
  const auto path = std::filesystem::path{shared != nullptr ? shared : ""} / "models" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path{};
}

struct Outcome {
  std::string text;
  std::vector<TokenId> tokens;
  std::vector<inference::TokenLogprob> logprobs;
  std::optional<inference::Finished> finished;
  std::optional<inference::PromptDone> prompt;
  std::optional<Error> error;
};

inline Task<> collect(std::unique_ptr<Generation> generation, std::vector<Outcome>& out) {
  while (auto event = co_await generation->async_next()) {
    if (static_cast<std::size_t>(event->choice) >= out.size()) out.resize(event->choice + 1);
    Outcome& o = out[event->choice];
    if (auto* text = std::get_if<inference::TextDelta>(&event->body)) {
      o.text += text->text;
      o.tokens.insert(o.tokens.end(), text->tokens.begin(), text->tokens.end());
      for (auto& l : text->logprobs) o.logprobs.push_back(std::move(l));
    } else if (auto* done = std::get_if<inference::Finished>(&event->body)) {
      o.finished = std::move(*done);
    } else if (auto* prompt = std::get_if<inference::PromptDone>(&event->body)) {
      o.prompt = std::move(*prompt);
    } else if (auto* failed = std::get_if<inference::Failed>(&event->body)) {
      o.error = std::move(failed->error);
    }
  }
}

class Stories : public ::testing::Test {
 protected:
  void load(LoadOptions options, const char* name = "stories656k.gguf", std::shared_ptr<Observer> observer = nullptr,
            PrefixKeeping prefixes = {}) {
    const auto path = shared_model(name);
    if (path.empty()) GTEST_SKIP() << "../shared/models is not here";
    load_file(path, std::move(options), std::move(observer), std::move(prefixes));
  }
  void load_file(const std::filesystem::path& path, LoadOptions options, std::shared_ptr<Observer> observer = nullptr,
                 PrefixKeeping prefixes = {}) {
    options.weights = {path};
    options.threads = 2;
    auto model = Model::load(options);
    ASSERT_TRUE(model) << model.error().message;
    auto started = Instance::start(*model, options, std::move(observer), std::move(prefixes));
    ASSERT_TRUE(started) << started.error().message;
    instance = std::move(*started);
  }

  GenerateRequest request(const std::string& text, int max_tokens) {
    GenerateRequest r;
    r.prompt = instance->model().tokenize(text, true, true).value();
    r.generation.max_tokens = max_tokens;
    r.generation.sampling.temperature = 0;
    r.principal = "test";
    return r;
  }

  /// Runs all at once and returns the outcomes, [request][choice].
  std::vector<std::vector<Outcome>> run(std::vector<GenerateRequest> requests) {
    std::vector<std::vector<Outcome>> out(requests.size());
    io.restart();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto generation = instance->submit(std::move(requests[i]), io.get_executor());
      if (!generation) {
        out[i].push_back({});
        out[i][0].error = generation.error();
        continue;
      }
      asio::co_spawn(io, collect(std::move(*generation), out[i]), asio::detached);
    }
    io.run();
    return out;
  }
  Outcome run_one(GenerateRequest r) {
    std::vector<GenerateRequest> requests;
    requests.push_back(std::move(r));
    return run(std::move(requests))[0][0];
  }

  /// The status of an instance that has nothing to do; it is published a moment after the last event.
  InstanceStatus settled() {
    for (const auto deadline = Clock::now() + std::chrono::seconds{5}; Clock::now() < deadline;) {
      if (const InstanceStatus status = instance->status(); status.running.empty()) return status;
      std::this_thread::yield();
    }
    return instance->status();
  }

  asio::io_context io;  // before the instance, whose thread may let go of a box a moment after its last event
  std::unique_ptr<Instance> instance;
};

}  // namespace hearth::engine
