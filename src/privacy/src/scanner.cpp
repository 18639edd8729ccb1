// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/scanner.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hs/hs.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "base64.hpp"
#include "detectors.hpp"
#include "hearth/base/check.hpp"
#include "normalize.hpp"
#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr std::size_t kPatternMax = 512;  // characters of a pattern of the configuration
constexpr const char* kBase64 = R"([A-Za-z0-9+/_\-]{32})";

/// Vectorscan's working memory: one a thread, grown for every automaton that the thread meets.
class Scratch {
 public:
  ~Scratch() { hs_free_scratch(scratch_); }
  /// `number`: the automaton's own. Its address may be that of one that is gone.
  hs_scratch_t* get(const hs_database_t* database, std::uint64_t number) {
    if (number_ != number) {
      HEARTH_CHECK(hs_alloc_scratch(database, &scratch_) == HS_SUCCESS);
      number_ = number;
    }
    return scratch_;
  }

 private:
  hs_scratch_t* scratch_ = nullptr;
  std::uint64_t number_ = 0;
};

std::string escaped(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (!is_word(c) && c != ' ') out += '\\';
    out += c;
  }
  return out;
}

/// Is `a` what the text means, where it overlaps `b`? Of two that are both likely the more sensitive one, so that no
/// harmless finding hides the other's label; else the surer one, of equally sure ones the longer.
bool outweighs(const Finding& a, const Finding& b, const std::vector<Type>& types) {
  constexpr float kLikely = 0.7F;
  const auto label = [&](const Finding& f) { return types[f.type].label; };
  if (a.score >= kLikely && b.score >= kLikely && label(a) != label(b)) return label(a) > label(b);
  return std::pair{a.score, a.end - a.begin} > std::pair{b.score, b.end - b.begin};
}

void settle(Findings& findings, const std::vector<Type>& types) {
  std::ranges::sort(findings, {}, [](const Finding& f) { return std::pair{f.begin, f.end}; });
  Findings kept;
  for (const Finding& finding : findings) {
    if (kept.empty() || finding.begin >= kept.back().end) {
      kept.push_back(finding);
    } else if (outweighs(finding, kept.back(), types)) {
      kept.back() = finding;
    }
  }
  findings = std::move(kept);
}

}  // namespace

/// One pattern each; `check` is null for those of the configuration, whose match is the finding.
struct Scanner::Automaton {
  struct Entry {
    std::string pattern;
    unsigned flags = 0;
    std::size_t (*check)(std::string_view, std::size_t, std::size_t, Findings&) = nullptr;
    std::uint16_t type = 0;
    bool encoded = false;  // base64: look inside
  };
  ~Automaton() { hs_free_database(database); }
  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
  }
  std::vector<Entry> entries;
  hs_database_t* database = nullptr;
  const std::uint64_t number = next_number();
};

namespace {

struct Match {
  unsigned entry;
  std::size_t begin;
  std::size_t end;
};

int note(unsigned id, unsigned long long from, unsigned long long to, unsigned, void* matches) {
  auto& out = *static_cast<std::vector<Match>*>(matches);
  // The same beginning with a later end: the longer one is meant.
  if (!out.empty() && out.back().entry == id && out.back().begin == from) {
    out.back().end = to;
  } else {
    out.push_back({id, from, to});
  }
  return 0;
}

}  // namespace

Scanner::Scanner(Options options) : options_{std::move(options)}, automaton_{std::make_unique<Automaton>()} {
  types_.assign(built_in_types().begin(), built_in_types().end());
}
Scanner::~Scanner() = default;

Result<std::uint16_t> Scanner::type_named(std::string_view name) const {
  const auto found = std::ranges::find(types_, name, &Type::name);
  if (found != types_.end()) return static_cast<std::uint16_t>(found - types_.begin());
  std::vector<std::string_view> names;
  for (const Type& type : types_) names.push_back(type.name);
  return fail(ErrorCode::not_found, fmt::format("\"{}\" is no detector; one of: {}", name, fmt::join(names, ", ")));
}

Result<std::shared_ptr<const Scanner>> Scanner::make(Options options) {
  std::shared_ptr<Scanner> scanner{new Scanner{std::move(options)}};
  HEARTH_CHECKED(scanner->compile());
  return std::shared_ptr<const Scanner>{std::move(scanner)};
}

Result<> Scanner::compile() {
  const auto wrong = [](std::string message) { return fail(ErrorCode::invalid_request, std::move(message)); };
  std::vector<Automaton::Entry>& entries = automaton_->entries;
  for (const auto& detectors : {numbers_and_addresses(), secrets()}) {
    for (const Detector& detector : detectors) {
      const unsigned flags = HS_FLAG_SOM_LEFTMOST | (detector.any_case ? HS_FLAG_CASELESS : 0U);
      entries.push_back({.pattern = detector.pattern, .flags = flags, .check = detector.check});
    }
  }
  entries.push_back({.pattern = kBase64, .flags = HS_FLAG_SOM_LEFTMOST, .encoded = true});
  const std::size_t built_in = entries.size();
  const auto new_type = [&](const std::string& name) -> Result<std::uint16_t> {
    if (name.empty() || type_named(name)) return wrong(fmt::format("\"{}\" is the name of another detector", name));
    types_.push_back({.name = name, .label = inference::Label::confidential});
    return static_cast<std::uint16_t>(types_.size() - 1);
  };
  for (const CustomPattern& custom : options_.patterns) {
    if (custom.pattern.size() > kPatternMax) {
      return wrong(fmt::format("the pattern of \"{}\" is longer than {} characters", custom.name, kPatternMax));
    }
    HEARTH_TRY(const std::uint16_t type, new_type(custom.name));
    const unsigned flags = HS_FLAG_SOM_LEFTMOST | (custom.any_case ? HS_FLAG_CASELESS : 0U);
    entries.push_back({.pattern = custom.pattern, .flags = flags, .type = type});
  }
  for (const WordList& list : options_.words) {
    HEARTH_TRY(const std::uint16_t type, new_type(list.name));
    for (const std::string& word : list.words) {
      if (word.empty() || !is_word(word.front()) || !is_word(word.back())) {
        return wrong(fmt::format("\"{}\" in the word list \"{}\" does not begin and end with a letter or digit", word,
                                 list.name));
      }
      entries.push_back({.pattern = escaped(word), .flags = HS_FLAG_SOM_LEFTMOST | HS_FLAG_CASELESS, .type = type});
    }
  }
  for (const auto& [name, label] : options_.labels) {
    auto type = type_named(name);
    if (!type) return wrong(type.error().message);
    types_[*type].label = label;
  }
  for (std::size_t type = kPerson; type < kBuiltIns && options_.names; ++type) {
    names_count_ = names_count_ || types_[type].label > inference::Label::public_;
  }
  std::vector<const char*> patterns;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Automaton::Entry& entry : entries) {
    patterns.push_back(entry.pattern.c_str());
    flags.push_back(entry.flags);
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_compile_error_t* error = nullptr;
  const auto count = static_cast<unsigned>(patterns.size());
  if (hs_compile_multi(patterns.data(), flags.data(), ids.data(), count, HS_MODE_BLOCK, nullptr, &automaton_->database,
                       &error) == HS_SUCCESS) {
    return {};
  }
  const std::string why = error->message;
  const int at = error->expression;
  hs_free_compile_error(error);
  const bool ours = at < 0 || static_cast<std::size_t>(at) < built_in;
  const auto& name = ours ? std::string{"built in"} : types_[entries[static_cast<std::size_t>(at)].type].name;
  return wrong(fmt::format("the pattern of \"{}\" cannot be used: {}", name, why));
}

void Scanner::scan_plain(std::string_view text, Findings& out) const {
  thread_local Scratch scratch;
  std::vector<Match> matches;
  const hs_error_t done = hs_scan(automaton_->database, text.data(), static_cast<unsigned>(text.size()), 0,
                                  scratch.get(automaton_->database, automaton_->number), note, &matches);
  HEARTH_CHECK(done == HS_SUCCESS);
  std::vector<std::size_t> settled(automaton_->entries.size(), 0);  // by pattern: what lies before was looked at
  for (const Match& match : matches) {
    const Automaton::Entry& entry = automaton_->entries[match.entry];
    if (match.begin < settled[match.entry]) continue;
    if (entry.encoded) {
      settled[match.entry] = check_base64(
          text, match.begin, match.end,
          [&](std::string_view inside, Findings& found) {
            if (inside.size() < text.size()) scan_plain(inside, found);
          },
          out);
    } else if (entry.check != nullptr) {
      settled[match.entry] = entry.check(text, match.begin, match.end, out);
    } else if (begins_word(text, match.begin) && ends_word(text, match.end)) {
      out.push_back(finding_of(entry.type, match.begin, match.end, 1));
      settled[match.entry] = match.end;
    }
  }
  settle(out, types_);
}

Findings Scanner::scan(std::string_view text) const { return scan(text, options_.names); }

Findings Scanner::scan(std::string_view text, bool with_names) const {
  Findings findings;
  const bool changed = needs_normalizing(text);
  const Normalized plain = changed ? normalize(text) : Normalized{};
  const std::string_view read = changed ? std::string_view{plain.text} : text;
  scan_plain(read, findings);
  if (with_names) {
    const NameModel& model = options_.name_model ? *options_.name_model : NameModel::built_in();
    Findings named;
    model.find(read, findings, named);
    findings.insert(findings.end(), named.begin(), named.end());
    std::ranges::sort(findings, {}, &Finding::begin);
  }
  if (changed) {
    for (Finding& finding : findings) {
      finding.begin = plain.origin[finding.begin];
      finding.end = plain.origin[finding.end];
    }
  }
  return findings;
}

inference::Label Scanner::label_of(const Findings& findings) const {
  inference::Label label = inference::Label::public_;
  for (const Finding& finding : findings) label = std::max(label, label_of(finding));
  return label;
}

inference::Label Scanner::label_of(const Finding& finding) const {
  return finding.guessed && finding.type < kPerson ? inference::Label::public_ : types_[finding.type].label;
}

inference::Label Scanner::label_in(std::string_view text) const { return label_of(scan(text, names_count_)); }

}  // namespace hearth::privacy
