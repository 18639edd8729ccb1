// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/async/blocking_pool.hpp"
#include "hearth/engine/pool.hpp"
#include "hearth/models/store.hpp"
#include "hearth/provider/provider.hpp"

namespace hearth::provider {

/// A model of the configuration file: served under its own name (which the store knows, Store::Options::named), always
/// there, loaded at the start.
struct ConfiguredModel {
  std::string name;
  std::string source;           // path of a GGUF, or a name in the store
  engine::LoadOptions options;  // weights and adapters are filled in from the source
  double quality = 0.5;         // for the router: 0 to 1
};

/// The embedded engine as a provider: names are looked up in the store; what is found is loaded on demand through the
/// pool, with the options and the pin of `configured` if it is one of these. References must outlive it and every
/// stream it gave out.
std::unique_ptr<Local> make_local(models::Store& store, engine::Pool& pool, async::BlockingPool& blocking,
                                  std::vector<ConfiguredModel> configured);

}  // namespace hearth::provider
