// SPDX-License-Identifier: Apache-2.0
// What it costs to know a caller by its key, among 100,000.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "key_format.hpp"
#include "key_ring.hpp"

using namespace hearth;
using namespace hearth::identity;

int main() {
  constexpr int kKeys = 100'000;
  constexpr int kLookups = 200'000;
  const Secret pepper{std::string(64, 'p')};
  std::vector<std::string> keys;
  std::vector<KeyRecord> records;
  for (int i = 0; i < kKeys; ++i) {
    const auto id = random_base32(kIdSize);
    const auto secret = random_base32(kSecretSize);
    if (!id || !secret) return 1;
    keys.push_back(key_of(*id, *secret));
    KeyRecord record{.id = *id, .hash = to_hex(hash_of(pepper, keys.back())), .principal = {}, .created = {}};
    record.principal.name = "user-" + std::to_string(i);
    records.push_back(std::move(record));
  }
  const auto before = Clock::now();
  const KeyRing ring{std::move(records), pepper, nullptr};
  const double load_ms = std::chrono::duration<double, std::milli>(Clock::now() - before).count();
  std::minstd_rand random{1};
  std::vector<double> took;
  std::size_t found = 0;
  for (int i = 0; i < kLookups; ++i) {
    const std::string& key = keys[random() % keys.size()];
    const auto start = Clock::now();
    found += ring.find(key, WallClock::time_point{}) ? 1 : 0;
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::ranges::sort(took);
  std::printf("a key among %d: p50 %.2f us, p99 %.2f us (%zu of %d found); the snapshot is made in %.0f ms\n", kKeys,
              took[took.size() / 2], took[took.size() * 99 / 100], found, kLookups, load_ms);
  return 0;
}
