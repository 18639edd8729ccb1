// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/inference/label.hpp"
#include "hearth/inference/request.hpp"

/// Which content may go where. Pure: data in, data out; any thread; a Policy is immutable and swapped whole.
namespace hearth::policy {

using inference::Label;
using inference::name_of;
using inference::parse_label;

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

/// What a request does: one of the first four, and perhaps tools beside it.
enum Action : std::uint8_t { kChat = 1, kComplete = 2, kEmbed = 4, kRerank = 8, kTools = 16 };
using Actions = std::uint8_t;
/// "chat", "tools", …; invalid_request with the list for others.
Result<Actions> parse_action(std::string_view name);
/// "chat, tools".
std::string names_of(Actions actions);

/// Times of the week, in UTC. An end before the beginning is on the next day.
struct Hours {
  std::uint8_t days = 0x7F;  // bit 0 is Monday: those that it begins on
  int begin = 0;             // minutes after midnight
  int end = 24 * 60;
  bool covers(int minute_of_week) const;
};
inline constexpr int kMinutesOfWeek = 7 * 24 * 60;
/// "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00".
Result<Hours> parse_hours(const std::string& text);
std::string to_string(const Hours& hours);
/// Minutes since Monday 00:00 UTC.
int minute_of_week(WallClock::time_point time);

/// What a rule asks for; absent fields match everything.
struct Rule {
  bool allow = false;
  std::optional<std::string> principal;
  std::optional<std::string> target;
  std::optional<std::string> region;
  std::optional<Zone> zone;
  /// A denial means this label and every higher one, a permission this one and every lower one.
  std::optional<Label> label;
  /// A denial means a request that does any of these, a permission one that does nothing else.
  std::optional<Actions> actions;
  std::optional<std::string> workload;  // the router's class: "simple", "sensitive", …
  std::optional<Hours> hours;
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

/// What is to be sent, as rules look at it.
struct Content {
  ContentDigest digest;
  Label label = Label::internal;
  Actions actions = kChat;
  std::string_view workload = "simple";
  int minute_of_week = 0;
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
  std::optional<Permit> permit(const Subject& subject, const Content& content, const Destination& to,
                               const Grants& grants) const;
  Verdict explain(const Subject& subject, const Content& content, const Destination& to, const Grants& grants) const;

 private:
  bool under_ceiling(Label label, Zone zone) const;
  /// The first rule that matches; null: none.
  const Rule* match(const Subject& subject, const Content& content, const Destination& to) const;

  Options options_;
};

/// A rule that cannot do what its author meant.
struct RuleMistake {
  std::size_t rule = 0;  // index into Options::rules
  std::string why;
};
/// Rules that can never match since earlier ones match all that they would, ones that allow what a ceiling forbids
/// everywhere they reach, and ones that change nothing since `otherwise` says the same. Conservative: what it names is
/// so.
std::vector<RuleMistake> mistakes_of(const Policy::Options& options);

/// Does a pattern of rules and budgets, "alice", "team:*" or "role:NAME", mean this subject itself? Not who is behind
/// it.
bool names(std::string_view pattern, const Subject& subject);

/// `*` is any run of characters, `?` one character. No other meaning, linear in text times pattern.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace hearth::policy
