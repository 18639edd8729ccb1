// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hearth/models/store.hpp"

namespace hearth::api::test {

/// Models in memory; remembers what it was told to do.
class FakeStore : public models::Store {
 public:
  std::vector<models::Model> models;
  std::vector<models::Progress> progress;  // reported by pull, push and create
  Result<> outcome{};                      // of everything that changes the store
  std::vector<std::string> pulled, pushed, removed, blobs;
  std::vector<std::pair<std::string, std::string>> copied, added_blobs;
  std::vector<models::CreateRequest> created;
  std::filesystem::path spool = "/nonexistent/spool";

  static models::Model model(std::string name) {
    models::Model m;
    m.name = std::move(name);
    m.digest = std::string(64, 'a');
    m.modified = WallClock::time_point{std::chrono::seconds{1'700'000'000}};
    m.size = 1'000'000;
    m.family = "llama";
    m.parameter_size = "1.2B";
    m.quantization = "Q4_K_M";
    m.context_length = 8192;
    m.embedding_length = 64;
    m.capabilities = {"completion", "tools"};
    return m;
  }

  void offer_starter(bool) override {}
  Task<Result<models::Model>> async_find(std::string name) override {
    const auto at = std::ranges::find_if(
        models, [&](const models::Model& m) { return m.name == name || m.name == name + ":latest"; });
    if (at == models.end()) {
      co_return fail(ErrorCode::not_found, "model '" + name + "' not found; try: hearth pull " + name, "model");
    }
    co_return *at;
  }
  Task<Result<std::vector<models::Model>>> async_list() override { co_return models; }
  Task<Result<>> async_pull(std::string name, bool, models::OnProgress on_progress) override {
    pulled.push_back(std::move(name));
    co_return report(on_progress);
  }
  Task<Result<>> async_push(std::string name, bool, models::OnProgress on_progress) override {
    pushed.push_back(std::move(name));
    co_return report(on_progress);
  }
  Task<Result<>> async_create(models::CreateRequest request, models::OnProgress on_progress) override {
    created.push_back(std::move(request));
    co_return report(on_progress);
  }
  Task<Result<models::Model>> async_import(std::filesystem::path, std::string name, models::OnProgress) override {
    co_return model(std::move(name));
  }
  Task<Result<>> async_copy(std::string from, std::string to) override {
    copied.emplace_back(std::move(from), std::move(to));
    co_return outcome;
  }
  Task<Result<>> async_remove(std::string name) override {
    removed.push_back(std::move(name));
    co_return outcome;
  }
  Task<Result<bool>> async_has_blob(std::string digest) override {
    co_return std::ranges::find(blobs, digest) != blobs.end();
  }
  Task<Result<>> async_add_blob(std::string digest, std::filesystem::path file) override {
    added_blobs.emplace_back(std::move(digest), file.string());
    co_return outcome;
  }
  std::filesystem::path spool_folder() const override { return spool; }

 private:
  Result<> report(const models::OnProgress& on_progress) {
    for (const models::Progress& p : progress) on_progress(p);
    return outcome;
  }
};

}  // namespace hearth::api::test
