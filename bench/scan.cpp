// SPDX-License-Identifier: Apache-2.0
// What it costs to scan a prompt of 2,000 tokens with all detectors.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/privacy/scanner.hpp"

using namespace hearth;
using namespace hearth::privacy;

namespace {

/// About four bytes a token, as English has.
constexpr std::size_t kPrompt = 8'000;

void measure(const char* name, const Scanner& scanner, const std::string& text) {
  constexpr int kRounds = 2'000;
  std::vector<double> took;
  std::size_t found = 0;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Clock::now();
    found = scanner.scan(text).size();
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::ranges::sort(took);
  const double p50 = took[took.size() / 2];
  std::printf("%-28s %6zu bytes: p50 %6.1f us, p99 %6.1f us, %.2f GB/s, %zu findings\n", name, text.size(), p50,
              took[took.size() * 99 / 100], static_cast<double>(text.size()) / p50 / 1e3, found);
}

std::string repeated(const std::string& text) {
  std::string out;
  while (out.size() < kPrompt) out += text;
  return out.substr(0, kPrompt);
}

}  // namespace

int main() {
  const auto before = Clock::now();
  const auto scanner = Scanner::make({});
  const auto patterns = Scanner::make({.names = false});
  if (!scanner || !patterns) return 1;
  std::printf("two automata are made in %.0f ms\n",
              std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  const std::string prose = repeated(
      "The committee met again in spring, and nobody could say afterwards who had moved that the old bridge should be "
      "kept. It was built when the mill still turned, of stone from the quarry above Harrow, and it has carried carts, "
      "then lorries, then nothing at all. What it would cost to mend it was read out twice. ");
  const std::string letter = repeated(
      "Dear Mr. Nielsen, please send the 14 boxes to 27 Harbour Road, Aarhus. You can reach Anna Maclean at +45 20 12 "
      "34 "
      "56 or anna.maclean@example.org; the invoice goes to IBAN GB33BUKB20201555555555, card 4111 1111 1111 1111. ");
  const std::string code = repeated(
      "for (std::size_t i = 0; i < rows.size(); ++i) {\n  if (rows[i].weak != 0x1F) total += rows[i].cost * 1.25;\n}\n"
      "const auto token = reader.next(\"value\", 120, 33);\n");
  const std::string numbers = repeated("12 345 6789 0.25 1,204 77/3 2024-11-02 8.5 ");
  measure("prose", **scanner, prose);
  measure("prose, patterns alone", **patterns, prose);
  measure("letters full of findings", **scanner, letter);
  measure("code", **scanner, code);
  measure("numbers", **scanner, numbers);
  return 0;
}
