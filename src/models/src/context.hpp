// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "catalog.hpp"
#include "facts.hpp"
#include "file_digests.hpp"
#include "hearth/models/store.hpp"
#include "recent_map.hpp"
#include "registry_logins.hpp"

namespace hearth::models {

/// What every operation of one store shares. Owned by the store, outlives them all; any thread.
struct StoreContext {
  StoreContext(Store::Options o, async::BlockingPool& p, Quantizer q)
      : options{std::move(o)},
        pool{p},
        quantizer{std::move(q)},
        catalog{options.root},
        facts{options.facts_cached},
        file_digests{options.root, catalog.blobs(), options.facts_cached} {}

  const Store::Options options;
  async::BlockingPool& pool;
  const Quantizer quantizer;
  const Catalog catalog;
  RecentMap<Facts> facts;  // by weights digest, or by version of a plain file
  FileDigests file_digests;
  RegistryLogins logins;  // set once, before anything is transferred
};

}  // namespace hearth::models
