// SPDX-License-Identifier: Apache-2.0
// What the machine can do at most, for the limits in RESULTS.md: bytes a second read from memory, and products of bytes
// a second by AVX-512 VNNI where there is such a thing. Two numbers: GB/s and 10^9 multiply-adds a second, all cores.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <class Work>
void on_all_cores(Work work) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::thread::hardware_concurrency(); ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
}

/// Best of five passes over 2 GiB, more than any cache.
double read_bandwidth() {
  const std::size_t cores = std::thread::hardware_concurrency();
  std::vector<std::uint64_t> data((std::size_t{2} << 30) / 8, 1);
  std::vector<std::uint64_t> sums(cores);
  double best = 0;
  for (int pass = 0; pass < 5; ++pass) {
    const auto start = Clock::now();
    on_all_cores([&](unsigned t) {
      const std::size_t share = data.size() / cores;
      sums[t] = std::accumulate(data.begin() + static_cast<std::ptrdiff_t>(t * share),
                                data.begin() + static_cast<std::ptrdiff_t>((t + 1) * share), std::uint64_t{0});
    });
    best = std::max(best, static_cast<double>(data.size() * 8) / since(start));
  }
  return sums[0] == 0 ? 0 : best;
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) std::int32_t products(std::int64_t rounds) {
  __m512i sums[8];
  const __m512i a = _mm512_set1_epi8(3);
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (std::int64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, a);
  }
  __m512i all = sums[0];
  for (int i = 1; i < 8; ++i) all = _mm512_add_epi32(all, sums[i]);
  return _mm512_reduce_add_epi32(all);
}

double byte_products() {
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  constexpr std::int64_t kRounds = 50'000'000;
  const auto start = Clock::now();
  on_all_cores([](unsigned) {
    volatile std::int32_t sink = products(kRounds);
    static_cast<void>(sink);
  });
  return static_cast<double>(kRounds) * 8 * 64 * std::thread::hardware_concurrency() / since(start);
}
#else
double byte_products() { return 0; }
#endif

}  // namespace

int main() {
  std::printf("memory %.1f GB/s, products of bytes %.0f G/s\n", read_bandwidth() / 1e9, byte_products() / 1e9);
  return 0;
}
