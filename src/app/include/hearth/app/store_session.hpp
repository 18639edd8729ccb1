// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "hearth/app/config.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/models/store.hpp"

namespace hearth::app {

/// The starter stands in where nothing else is configured.
bool offers_starter(const std::vector<provider::ConfiguredModel>& models, const Routing& routing);
/// Of registries, as `docker login` writes it: in $DOCKER_CONFIG, else in ~/.docker. Empty: nobody says where.
std::filesystem::path logins_file(const Environment& environment);

/// Opens the store of `config.home`, with the endpoints and tokens of the environment. `paths`: names may be file
/// paths.
Result<std::unique_ptr<models::Store>> open_store(const Config& config, async::BlockingPool& blocking, bool paths);

/// The model store without a server, for one command: safe beside a running server on the same folder.
class StoreSession {
 public:
  static Result<std::unique_ptr<StoreSession>> open(const Config& config);

  models::Store& store() noexcept { return *store_; }
  asio::any_io_executor executor() { return io_.at(0).get_executor(); }
  /// Runs a coroutine to its end; the caller's thread waits.
  template <class T>
  T run(Task<T> task) {
    return asio::co_spawn(io_.at(0), std::move(task), asio::use_future).get();
  }

 private:
  StoreSession() = default;
  async::BlockingPool blocking_{4};
  async::IoThreads io_{1};
  std::unique_ptr<models::Store> store_;
};

}  // namespace hearth::app
