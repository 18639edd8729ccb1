// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "hearth/app/config.hpp"
#include "hearth/base/result.hpp"

namespace hearth::app {

/// The composition root: the one place that knows every part. Start goes bottom up, stop top down:
/// stop accepting, let answers finish until the grace ends, cancel them, unload models, join threads.
/// Main thread only, except port().
class App {
 public:
  /// Builds everything, loads the configured models and binds the address; refuses what cannot work with a message that
  /// says how to mend it. Nothing is accepted yet.
  static Result<std::unique_ptr<App>> create(Config config);
  virtual ~App() = default;

  virtual void start() = 0;
  virtual std::uint16_t port() const noexcept = 0;
  /// "http://127.0.0.1:4327"
  virtual std::string url() const = 0;
  enum class Signal { reload, stop };
  /// SIGHUP, or the first SIGINT or SIGTERM; a second one during stop() ends the process at once.
  virtual Signal wait_for_signal() = 0;
  /// Providers, routes, policy and budgets of another configuration; requests under way keep the old ones. What else
  /// differs is named in the log and waits for the next start. On an error nothing has changed.
  virtual Result<> reload(const Config& config) = 0;
  virtual void stop() = 0;
};

}  // namespace hearth::app
