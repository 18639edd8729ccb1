// SPDX-License-Identifier: Apache-2.0
// Ten thousand requests through the scheduler on a simulated cache: nobody starves, no cell is promised twice, and
// tokens are shared out fairly.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "scheduler.hpp"

namespace hearth::engine {
namespace {

constexpr int kRequests = 10'000;
constexpr std::int32_t kCells = 16'384;
constexpr std::int32_t kBudget = 256;
constexpr std::int32_t kParallel = 16;
constexpr std::int32_t kLongest = 2'048 + 256;  // prompt and answer

struct NoCache final : KvCache {
  void copy(std::int32_t, std::int32_t, std::int32_t) override {}
  void remove(std::int32_t) override {}
  void truncate(std::int32_t, std::int32_t) override {}
};

/// What happened to one request, in steps.
struct Life {
  std::string principal;
  std::int32_t answer = 0;  // tokens to generate
  std::int64_t arrived = 0;
  std::int64_t tokens_before = 0;  // that all requests in the system still wanted when it came
  std::int64_t finished = -1;
};

class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_{seed} {}

  /// A request with one of a few shared beginnings, a part of its own with a long tail, and a short answer.
  void submit(const std::string& principal) {
    auto sequence = std::make_unique<Sequence>();
    const int shared = static_cast<int>(random_() % 6);
    const auto own = std::min<std::int32_t>(1'500, static_cast<std::int32_t>(20 / (0.013 + uniform_(random_))));
    sequence->tokens.resize(500);
    std::iota(sequence->tokens.begin(), sequence->tokens.end(), shared * 1'000);
    for (std::int32_t i = 0; i < own; ++i) sequence->tokens.push_back(static_cast<std::int32_t>(random_() % 100'000));
    sequence->prompt = sequence->size();
    sequence->principal = principal;
    Life life{.principal = principal,
              .answer = 1 + static_cast<std::int32_t>(random_() % 128),
              .arrived = step_,
              .tokens_before = wanted_};
    wanted_ += sequence->prompt + life.answer;
    lives_.emplace(sequence.get(), life);
    ++waiting_[principal];
    served_.try_emplace(principal, 0);
    scheduler_.enqueue(std::move(sequence));
  }

  void step() {
    ++step_;
    scheduler_.admit({});
    const auto slices = scheduler_.plan(kBudget);
    const auto planned = std::accumulate(slices.begin(), slices.end(), 0,
                                         [](std::int32_t sum, const auto& slice) { return sum + slice.count; });
    ASSERT_LE(planned, kBudget);
    ASSERT_LE(scheduler_.cells_used(), kCells);
    ASSERT_TRUE(!slices.empty() || scheduler_.idle()) << "there is work, and none of it is done";
    computed_ += planned;
    std::vector<Sequence*> ended;
    for (const auto& slice : slices) {
      scheduler_.commit(slice);
      Life& life = lives_.at(slice.sequence);
      served_[life.principal] += slice.count;
      if (slice.sequence->remaining() > 0) continue;
      if (slice.sequence->size() == slice.sequence->prompt + life.answer) {
        ended.push_back(slice.sequence);
      } else {
        slice.sequence->tokens.push_back(static_cast<std::int32_t>(random_() % 100'000));
      }
    }
    for (Sequence* sequence : ended) {
      Life& life = lives_.at(sequence);
      life.finished = step_;
      wanted_ -= sequence->prompt + life.answer;
      --waiting_[life.principal];
      done_.push_back(life);
      lives_.erase(sequence);
      scheduler_.finish(*sequence);
    }
  }

  std::int64_t steps() const { return step_; }
  std::int64_t computed() const { return computed_; }
  bool idle() const { return scheduler_.idle(); }
  const std::vector<Life>& done() const { return done_; }
  const std::map<std::string, std::int64_t>& served() const { return served_; }
  const std::map<std::string, int>& unfinished() const { return waiting_; }
  std::uint64_t preemptions() const { return scheduler_.preemptions(); }

 private:
  NoCache cache_;
  Scheduler scheduler_{{.cells = kCells, .parallel = kParallel, .sequence_ids = 64, .outputs = 32}, cache_};
  std::mt19937 random_;
  std::uniform_real_distribution<double> uniform_;
  std::map<const Sequence*, Life> lives_;
  std::map<std::string, std::int64_t> served_;
  std::map<std::string, int> waiting_;
  std::vector<Life> done_;
  std::int64_t step_ = 0;
  std::int64_t wanted_ = 0;
  std::int64_t computed_ = 0;
};

TEST(SchedulingSimulation, TenThousandRequestsAllEndAndNobodyWaitsOutOfTurn) {
  Simulation simulation{1};
  std::mt19937 random{2};
  int submitted = 0;
  while (submitted < kRequests || !simulation.idle()) {
    // Bursts: now and then forty at once, otherwise one every few steps.
    const int burst = random() % 300 == 0 ? 40 : random() % 2 == 0 ? 1 : 0;
    for (int i = 0; i < burst && submitted < kRequests; ++i, ++submitted) {
      simulation.submit("p" + std::to_string(random() % 5));
    }
    ASSERT_NO_FATAL_FAILURE(simulation.step());
    ASSERT_LT(simulation.steps(), 200'000) << "it does not end";
  }
  ASSERT_EQ(simulation.done().size(), static_cast<std::size_t>(kRequests));
  // A request may wait for what was before it, for its own work, and for what a fair share gives those who came later.
  for (const Life& life : simulation.done()) {
    const std::int64_t waited = life.finished - life.arrived;
    ASSERT_LE(waited, 3 * (life.tokens_before + kLongest) / kBudget + 2 * life.answer + 200) << life.arrived;
  }
}

TEST(SchedulingSimulation, PrincipalsThatWaitAreServedAlikeWhoeverAsksMore) {
  Simulation simulation{3};
  const std::map<std::string, int> demand{{"a", 1'400}, {"b", 300}, {"c", 300}, {"d", 300}};
  // In the order of the greediest: everything of a is in the queue first.
  for (const auto& [principal, requests] : demand) {
    for (int i = 0; i < requests; ++i) simulation.submit(principal);
  }
  const auto all_wait = [&] {
    return std::ranges::all_of(simulation.unfinished(), [](const auto& entry) { return entry.second > kParallel; });
  };
  std::int64_t worst = 0;
  while (all_wait()) {
    ASSERT_NO_FATAL_FAILURE(simulation.step());
    const auto [least, most] =
        std::ranges::minmax_element(simulation.served(), {}, [](const auto& entry) { return entry.second; });
    worst = std::max(worst, most->second - least->second);
  }
  EXPECT_GT(simulation.done().size(), 900U);
  // Whoever is behind is admitted next; what then runs can differ by what fits at once.
  EXPECT_LE(worst, std::int64_t{kLongest} * kParallel) << "of " << simulation.computed() << " tokens";
  while (!simulation.idle()) ASSERT_NO_FATAL_FAILURE(simulation.step());
  EXPECT_EQ(simulation.done().size(), 2'300U);
}

}  // namespace
}  // namespace hearth::engine
