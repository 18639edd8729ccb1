// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hearth/models/store.hpp"

namespace hearth::models {

/// Work that is done once however many ask for it at the same time. The first caller of a key does the work in its own
/// coroutine; the others wait, each on its own executor, and see the same progress and outcome. If the first is
/// cancelled, one of the others does the work (a pull then goes on where it stopped). Any io thread.
class Flights {
 public:
  using Work = std::function<Task<Result<>>(OnProgress)>;
  Task<Result<>> async_run(std::string key, OnProgress progress, Work work);

 private:
  struct Flight;
  class Lead;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace hearth::models
