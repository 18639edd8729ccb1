// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hearth/policy/policy.hpp"
#include "hearth/privacy/scanner.hpp"
#include "hearth/provider/local.hpp"
#include "hearth/provider/remote.hpp"
#include "hearth/router/table.hpp"

namespace hearth::app {

/// A model at a remote provider, as the configuration says.
struct RemoteModel {
  std::string name;   // clients say PROVIDER/NAME
  std::string model;  // what the server calls it; empty: the same
  std::int32_t context = 0;
  router::Capabilities capabilities = router::kChat;
  double quality = 0.5;
  router::Price price;
};

struct RemoteProvider {
  provider::RemoteOptions options;
  std::string key_reference;  // "${NAME}" or a file's path: what is printed instead of the key
  policy::Zone zone = policy::Zone::cloud;
  std::string region;
  std::vector<RemoteModel> models;
};

struct RouteConfig {
  router::Route route;  // its `targets` are filled in by make_table
  std::vector<std::string> targets;
  std::string shadow_target;
  std::string embedder;
  std::string quality_model;  // a file; empty: the one that comes with the program
};

/// What is looked for in content, and what is hidden on its way out.
struct Privacy {
  bool scan = true;
  privacy::Scanner::Options detectors;
  std::string names_file;  // a model of `hearth privacy train`; empty: the one that comes with the program
  std::vector<policy::Zone> redact_zones;
  std::vector<std::string> redact_types;
};

struct Routing {
  policy::Zone zone = policy::Zone::device;  // where this machine stands
  std::vector<RemoteProvider> providers;
  std::vector<RouteConfig> routes;
  policy::Policy::Options policy;
  Privacy privacy;
  std::shared_ptr<const privacy::Scanner> scanner;  // of `privacy`; null: it scans nothing
  std::vector<router::Budget> budgets;
  std::map<std::string, router::Calibration> calibration;  // by target
};

/// The router's table. `remotes` by provider name; a name that is missing there gives a target without a remote, which
/// is good enough for checking. "local/NAME" in a route is a model of this machine, configured or not.
/// `mistakes` gets what is wrong with the whole: names that clash, targets that do not exist, circles.
router::TablePtr make_table(const Routing& routing, const std::vector<provider::ConfiguredModel>& models,
                            const std::map<std::string, provider::Remote*>& remotes, provider::Provider* local,
                            std::vector<router::Mistake>& mistakes);

}  // namespace hearth::app
