// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/privacy/finding.hpp"
#include "hearth/privacy/name_model.hpp"

/// What a text holds that not everybody may see, and hiding it. Finding is guessing: what has a checksum or a shape of
/// its own is found, much else is not, and nothing here is a guarantee. Those come from labels (docs/privacy.md).
namespace hearth::privacy {

/// A pattern of the configuration.
struct CustomPattern {
  std::string name;
  std::string pattern;  // Vectorscan's subset of PCRE: no look-around, no back-references, so always linear
  bool any_case = false;
};
struct WordList {
  std::string name;
  std::vector<std::string> words;  // found as whole words, in any case
};

/// All detectors as one automaton. Immutable; any thread.
class Scanner {
 public:
  struct Options {
    std::vector<CustomPattern> patterns;
    std::vector<WordList> words;
    std::map<std::string, inference::Label> labels;  // of types, over the built-in ones
    bool names = true;                               // guess names, addresses and the like too
    std::shared_ptr<const NameModel> name_model;     // null: the built-in one
  };
  /// invalid_request for a pattern that cannot be compiled, that matches the empty text or that would be too big, a
  /// name that is taken, a label for a type that is not there. Takes about a tenth of a second.
  static Result<std::shared_ptr<const Scanner>> make(Options options);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  /// Sorted, none inside another. Tens of microseconds for a prompt of 2,000 tokens. The thread keeps its scratch
  /// space.
  Findings scan(std::string_view text) const;
  /// The highest of theirs; public without any.
  inference::Label label_of(const Findings& findings) const;
  /// A telephone number that is only guessed raises none, as other guesses do not unless `labels` says so.
  inference::Label label_of(const Finding& finding) const;
  /// Of all that is found in a text. Guesses nothing where no guess could raise the label.
  inference::Label label_in(std::string_view text) const;

  std::span<const Type> types() const { return types_; }
  /// not_found, with the names that there are.
  Result<std::uint16_t> type_named(std::string_view name) const;

 private:
  struct Automaton;
  explicit Scanner(Options options);
  Result<> compile();
  void scan_plain(std::string_view text, Findings& out) const;
  Findings scan(std::string_view text, bool with_names) const;

  Options options_;
  std::vector<Type> types_;
  bool names_count_ = false;  // a guess may raise a label
  std::unique_ptr<Automaton> automaton_;
};

}  // namespace hearth::privacy
