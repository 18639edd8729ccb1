// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/id.hpp"

#include <array>
#include <random>

namespace hearth {
namespace {

std::mt19937_64& generator() {
  thread_local std::mt19937_64 instance = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64{seed};
  }();
  return instance;
}

}  // namespace

std::uint64_t random_u64() { return generator()(); }

std::string random_id(std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
  std::string id{prefix};
  for (int word = 0; word < 2; ++word) {
    std::uint64_t bits = random_u64();
    for (int i = 0; i < 12; ++i, bits >>= 5) id += kAlphabet[bits & 31];
  }
  return id;
}

}  // namespace hearth
