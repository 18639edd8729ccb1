// SPDX-License-Identifier: Apache-2.0
#include "speculation.hpp"

#include <algorithm>

#include "hearth/base/checksum.hpp"
#include "matmul_kernel.hpp"

namespace hearth::engine {
namespace {

constexpr double kFade = 0.9;          // of acceptance, for each guess
constexpr double kCostFade = 0.98;     // of costs, for each step
constexpr double kSpreadMin = 1e-3;    // of steps' sizes, relative, that tells a slope from noise
constexpr double kMostCertain = 0.98;  // nothing is believed more than that

std::uint64_t hash_of(std::span<const inference::TokenId> tokens) {
  std::uint64_t hash = tokens.size();
  for (const inference::TokenId token : tokens) hash = mixed(hash ^ static_cast<std::uint32_t>(token));
  return hash;
}

}  // namespace

std::vector<inference::TokenId> NgramLookup::guess(std::span<const inference::TokenId> tokens, std::size_t most) {
  // What ends with the last token is left for the next time: it has nothing behind it yet.
  for (; indexed_ + 1 < tokens.size(); ++indexed_) {
    const std::size_t end = indexed_ + 1;
    for (std::size_t n = kShortest; n <= std::min(kLongest, end); ++n) {
      behind_[n - kShortest][hash_of(tokens.subspan(end - n, n))] = static_cast<std::uint32_t>(end);
    }
  }
  for (std::size_t n = std::min(kLongest, tokens.size()); n >= kShortest; --n) {
    const auto& known = behind_[n - kShortest];
    const auto found = known.find(hash_of(tokens.last(n)));
    if (found == known.end()) continue;
    // What is guessed may reach into itself: a text that repeats goes on repeating.
    std::vector<inference::TokenId> out;
    const std::size_t period = tokens.size() - found->second;
    for (std::size_t i = 0; i < most; ++i) {
      out.push_back(i < period ? tokens[found->second + i] : out[i - period]);
    }
    return out;
  }
  return {};
}

void Acceptance::observe(std::size_t accepted, std::size_t guessed) {
  for (std::size_t i = 0; i < std::min(accepted + 1, guessed); ++i) {
    rate_ = kFade * rate_ + (i < accepted ? 1 - kFade : 0);
  }
  rate_ = std::min(rate_, kMostCertain);
}

void StepCost::observe(std::int32_t tokens, double seconds) {
  const double x = columns(tokens);
  for (double* sum : {&weight_, &x_, &y_, &xx_, &xy_}) *sum *= kCostFade;
  weight_ += 1;
  x_ += x;
  y_ += seconds;
  xx_ += x * x;
  xy_ += x * seconds;
}

double StepCost::columns(std::int32_t tokens) {
  const std::int32_t rest = tokens % kPanelMax;
  return tokens - rest + (rest > 0 ? panel_width(rest) : 0);
}

double StepCost::spread() const { return weight_ > 0 ? xx_ - x_ * x_ / weight_ : 0; }

bool StepCost::tells_slope() const { return spread() > kSpreadMin * xx_; }

double StepCost::per_column() const {
  if (x_ <= 0) return 0;
  if (!tells_slope()) return y_ / x_;
  return std::clamp((xy_ - x_ * y_ / weight_) / spread(), 0.0, y_ / x_);
}

double StepCost::step(std::int32_t tokens) const {
  if (weight_ == 0) return 0;
  return std::max(0.0, y_ / weight_ + per_column() * (columns(tokens) - x_ / weight_));
}

std::vector<std::size_t> guesses_that_pay(std::span<const Guessable> guessable, std::int32_t tokens,
                                          std::int32_t streams, std::int32_t rows, const StepCost& cost) {
  struct Guess {
    std::size_t stream;
    double chance;  // that all before it and it are right
  };
  std::vector<Guess> guesses;
  for (std::size_t i = 0; i < guessable.size(); ++i) {
    double chance = 1;
    for (std::size_t n = 0; n < guessable[i].most; ++n) guesses.push_back({i, chance *= guessable[i].acceptance});
  }
  std::ranges::sort(guesses, [](const Guess& a, const Guess& b) {
    return a.chance != b.chance ? a.chance > b.chance : a.stream < b.stream;
  });
  guesses.resize(std::min(guesses.size(), static_cast<std::size_t>(std::max(0, rows))));
  const double alone = cost.step(tokens);
  const double worth = alone / std::max(streams, 1);
  double gained = 0;
  double best = 0;
  std::size_t taken = 0;
  for (std::size_t n = 0; n < guesses.size(); ++n) {
    gained += guesses[n].chance * worth - guessable[guesses[n].stream].extra_seconds;
    const double net = gained - (cost.step(tokens + static_cast<std::int32_t>(n) + 1) - alone);
    if (net <= best) continue;
    best = net;
    taken = n + 1;
  }
  std::vector<std::size_t> lengths(guessable.size());
  for (const Guess& guess : std::span{guesses}.first(taken)) ++lengths[guess.stream];
  return lengths;
}

}  // namespace hearth::engine
