// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/policy/policy.hpp"
#include "hearth/privacy/scanner.hpp"
#include "hearth/provider/provider.hpp"
#include "hearth/provider/remote.hpp"
#include "hearth/router/budgets.hpp"
#include "hearth/router/calibration.hpp"
#include "hearth/router/quality.hpp"

/// What the router chooses among: immutable tables, made from the configuration and swapped whole.
namespace hearth::router {

/// What a request may need and a target may have.
enum Capability : std::uint16_t {
  kChat = 1,
  kCompletion = 2,
  kTools = 4,
  kJson = 8,      // enforced JSON Schema
  kGrammar = 16,  // regex, choice, GBNF
  kVision = 32,
  kReasoning = 64,
  kEmbedding = 128,
  kRerank = 256,
  kLogprobs = 512,
};
using Capabilities = std::uint16_t;
/// "chat", "tools", …; invalid_request with the list for others.
Result<Capabilities> parse_capability(std::string_view name);
/// "chat, tools".
std::string names_of(Capabilities capabilities);

/// US$ per million tokens.
struct Price {
  double input = 0;
  double cached_input = 0;
  double output = 0;
};

/// One model at one provider. `local` or `remote` answers; both outlive the table.
struct Target {
  std::string name;   // "lab/llama-3.1-70b", "local/small"
  std::string model;  // as the provider calls it
  policy::Zone zone = policy::Zone::device;
  /// Of a server that may pass requests on to a cloud, as Ollama does for some models: where it stands. Until a probe
  /// has shown that it runs this model itself, and when it no longer does, `zone` is the cloud.
  std::optional<policy::Zone> stands_in;
  std::string region;
  Capabilities capabilities = kChat | kCompletion;
  std::int32_t context = 0;  // tokens; 0: unknown, fits everything
  double quality = 0.5;      // 0 to 1: share of requests it answers as well as the best would
  Price price;
  inference::Wire wire = inference::Wire::none;  // takes chats verbatim
  Calibration calibration;                       // of the confidence that its token probabilities give
  provider::Provider* local = nullptr;
  provider::Remote* remote = nullptr;

  policy::Destination destination() const { return {.target = name, .zone = zone, .region = region}; }
};

enum class Strategy : std::uint8_t { direct, balance, cascade, consensus, hedge, learned };
std::string_view name_of(Strategy strategy);
Result<Strategy> parse_strategy(std::string_view name);

/// Weights of the score; they need not add up to 1.
struct Objective {
  double quality = 0.6;
  double cost = 0.3;
  double latency = 0.1;
};

/// A virtual model.
struct Route {
  std::string name;
  Strategy strategy = Strategy::direct;
  std::vector<std::size_t> targets;   // indices into Table::targets, in the order of the configuration
  std::vector<std::string> fallback;  // routes to try when none of the targets answered, in order
  Objective objective;
  double confidence = 0.7;                     // cascade: an answer below this escalates
  double agreement = 0.6;                      // consensus and shadow checks: answers at least this alike agree
  std::size_t embedder = SIZE_MAX;             // whose embeddings tell how alike; none: the words
  int retries = 1;                             // further attempts at the same target, before its first content
  std::chrono::milliseconds timeout{300'000};  // of the whole request
  std::chrono::milliseconds first_token_timeout{30'000};  // of one attempt
  std::chrono::milliseconds hedge_after{0};               // 0: the target's own 95th percentile
  std::optional<policy::Label> label;                     // that content asked of this route has at least
  bool sticky = true;                                     // a conversation stays with its target
  std::shared_ptr<const QualityModel> quality_model;      // learned; null: the one that comes with the program
  double strong_share = 0.5;                              // learned: of the prompts that go to the best target
  std::optional<double> worth_usd;                        // learned: of a right answer; decides instead of the share

  /// The same request again gets the same answer, for so long; 0: no cache.
  struct Cache {
    std::chrono::milliseconds ttl{0};
    std::string salt;     // another salt, another cache
    bool shared = false;  // among principals
  };
  Cache cache;
  /// A share of the answers of this device is compared with a stronger target's, in the background.
  struct Shadow {
    double share = 0;
    std::size_t target = SIZE_MAX;
    bool judge = false;         // the target judges; else the likeness of words decides, by `agreement`
    bool keep_prompts = false;  // in the ledger, to train on
  };
  Shadow shadow;

  const QualityModel& model() const { return quality_model ? *quality_model : QualityModel::built_in(); }
};

/// What is hidden from whom.
struct Redaction {
  std::array<bool, policy::kZones> zones{};
  std::vector<bool> types;  // of the scanner's
};

struct Table {
  policy::Zone zone = policy::Zone::device;  // where this machine stands, and models of its own that are no target
  std::vector<Target> targets;
  std::vector<Route> routes;
  std::vector<Budget> budgets;
  std::shared_ptr<const policy::Policy> policy = std::make_shared<const policy::Policy>(policy::Policy::Options{});
  std::shared_ptr<const privacy::Scanner> scanner;  // null: nobody looks at content
  Redaction redaction;

  bool redacts(const Target& target) const {
    return scanner != nullptr && redaction.zones[static_cast<std::size_t>(target.zone)];
  }

  const Route* find_route(std::string_view name) const;
  /// SIZE_MAX when there is none.
  std::size_t find_target(std::string_view name) const;
};
using TablePtr = std::shared_ptr<const Table>;

/// What is wrong with the target or route of that name.
struct Mistake {
  std::string subject;
  std::string text;
};
/// Every mistake of a table at once: doubled names, a fallback to nowhere, cycles of fallbacks, a route
/// without targets. Empty: none.
std::vector<Mistake> mistakes_of(const Table& table);

}  // namespace hearth::router
