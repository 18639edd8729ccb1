// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

/// Which content may go where. Pure: data in, data out; any thread; a Policy is immutable and swapped whole.
namespace hearth::policy {

/// Sensitivity of content, in rising order.
enum class Label : std::uint8_t { public_, internal, confidential, restricted };
std::string_view name_of(Label label);
Result<Label> parse_label(std::string_view name);

/// Where compute is and who controls it.
enum class Zone : std::uint8_t { device, edge, onprem, cluster, cloud };
inline constexpr int kZones = 5;
std::string_view name_of(Zone zone);
Result<Zone> parse_zone(std::string_view name);

/// Who asks. Rules name a principal by its name, as "role:NAME" or as "team:NAME", all with `*` and `?` as wildcards.
struct Subject {
  std::string principal;
  std::vector<std::string> roles{};
  std::string team{};
  std::string tenant{};                     // tenants share no cache
  std::vector<std::string> models{};        // patterns of the targets and routes it may use; none: all
  std::shared_ptr<const Subject> behalf{};  // of an agent: what it may not, the agent may not
};

/// Does identity grant this target, by itself or as part of the route that was asked for? Both, of an agent.
bool may_use(const Subject& subject, std::string_view route, std::string_view target);

/// A target as policy sees it.
struct Destination {
  std::string target;  // "lab/llama-3.1-70b"
  Zone zone = Zone::device;
  std::string region;  // "eu"; empty: unknown, which matches no region
};

/// What a rule asks for; absent fields match everything.
struct Rule {
  bool allow = false;
  std::optional<std::string> principal;
  std::optional<std::string> target;
  std::optional<std::string> region;
  std::optional<Zone> zone;
  /// A denial means this label and every higher one, a permission this one and every lower one.
  std::optional<Label> label;
  int line = 0;  // in the configuration file
};

/// Stands for the content of a request: a permit for one content is none for another.
class ContentDigest {
 public:
  static ContentDigest of(const inference::ChatRequest& request);
  static ContentDigest of(const inference::CompletionRequest& request);
  static ContentDigest of(const inference::EmbeddingRequest& request);
  static ContentDigest of(const inference::RerankRequest& request);
  bool operator==(const ContentDigest&) const = default;

 private:
  explicit ContentDigest(std::uint64_t value) : value_{value} {}
  std::uint64_t value_;
};

/// The proof that policy allowed this content at this target. Only Policy makes one; who writes to a remote target
/// demands it and checks covers().
class Permit {
 public:
  bool covers(ContentDigest content, std::string_view target) const { return content == content_ && target == target_; }
  /// What allowed it: "rule 3 (line 17)" or "otherwise".
  std::string rule() const;

 private:
  friend class Policy;
  Permit(ContentDigest content, std::string target, int rule, int line)
      : content_{content}, target_{std::move(target)}, rule_{rule}, line_{line} {}
  ContentDigest content_;
  std::string target_;
  int rule_;  // from 1; 0: none matched
  int line_;  // of the rule in the configuration file; 0: not known
};

/// One of the four conditions: zone ceiling, rules, identity, budget. All four must hold.
struct Condition {
  std::string name;
  bool holds = false;
  std::string why;
};

struct Verdict {
  std::optional<Permit> permit;
  std::vector<Condition> conditions;  // always all four, in order, for the explanation
};

/// The questions that policy does not answer itself.
struct Grants {
  bool model = true;  // identity grants the principal this model
  bool budget = true;
  std::string_view model_why = "nothing limits the models of who asks";
  std::string budget_why = "no budget is configured";
};

class Policy {
 public:
  struct Options {
    Label default_label = Label::internal;  // of content that nobody labelled
    std::optional<Label> ceilings[kZones] = {
        Label::restricted, {}, {}, {}, {}};  // by zone; absent: nothing may go there
    std::vector<Rule> rules;                 // in order, the first match decides
    bool otherwise = true;                   // when no rule matched
  };
  explicit Policy(Options options) : options_{std::move(options)} {}

  Label default_label() const noexcept { return options_.default_label; }
  /// Without explanation: the hot path. The same answer as explain().
  std::optional<Permit> permit(const Subject& subject, Label label, ContentDigest content, const Destination& to,
                               const Grants& grants) const;
  Verdict explain(const Subject& subject, Label label, ContentDigest content, const Destination& to,
                  const Grants& grants) const;

 private:
  bool under_ceiling(Label label, Zone zone) const;
  /// The first rule that matches; null: none.
  const Rule* match(const Subject& subject, Label label, const Destination& to) const;

  Options options_;
};

/// Does a pattern of rules and budgets, "alice", "team:*" or "role:NAME", mean this subject itself? Not who is behind
/// it.
bool names(std::string_view pattern, const Subject& subject);

/// `*` is any run of characters, `?` one character. No other meaning, linear in text times pattern.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace hearth::policy
