// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/inference/request.hpp"
#include "hearth/privacy/scanner.hpp"

/// Hiding what the scan finds, so that it can be shown again in the answer.
namespace hearth::privacy {

/// The label that the content of a request has by what is found in it.
inference::Label label_of(const Scanner& scanner, const inference::ChatRequest& request);
inference::Label label_of(const Scanner& scanner, const inference::CompletionRequest& request);
inference::Label label_of(const Scanner& scanner, const inference::EmbeddingRequest& request);
inference::Label label_of(const Scanner& scanner, const inference::RerankRequest& request);

/// What was hidden: "[EMAIL_1]" stands for an address. The same value has the same placeholder everywhere in a
/// conversation, also in its next turn: numbers are given in the order of first appearance, which does not change. So
/// the map lives as long as one request and is kept nowhere. Never logged: it has no way to be printed.
class Placeholders {
 public:
  /// In place. What remains is to be scanned again: fields that are left alone (the schemas of tools, pictures) and
  /// types that are not hidden may still be there.
  void hide(const Scanner& scanner, const std::vector<bool>& hidden_types, inference::ChatRequest& request);
  void hide(const Scanner& scanner, const std::vector<bool>& hidden_types, inference::CompletionRequest& request);
  void hide(const Scanner& scanner, const std::vector<bool>& hidden_types, inference::EmbeddingRequest& request);
  void hide(const Scanner& scanner, const std::vector<bool>& hidden_types, inference::RerankRequest& request);

  /// The label of what was found and not hidden. Looking again at what is left is not enough: "MRN" hidden as something
  /// else makes the number behind it look harmless.
  inference::Label left() const { return left_; }
  bool empty() const { return originals_.empty(); }
  std::size_t size() const { return originals_.size(); }

 private:
  friend class Restorer;
  struct Pass;
  std::map<std::string, std::string, std::less<>> originals_;     // by placeholder
  std::map<std::string, std::string, std::less<>> placeholders_;  // by original
  std::map<std::string, int, std::less<>> counts_;                // by type
  inference::Label left_ = inference::Label::public_;
};

/// Puts the originals back into one stream of text that comes in pieces, where a placeholder may be cut anywhere. Text
/// that might be the beginning of one is held until the next piece.
class Restorer {
 public:
  enum class Into : std::uint8_t { text, json };  // json: inside JSON text, where originals are escaped
  Restorer(std::shared_ptr<const Placeholders> placeholders, Into into)
      : placeholders_{std::move(placeholders)}, into_{into} {}

  std::string next(std::string_view piece);
  /// What was held, at the end.
  std::string rest();

 private:
  std::shared_ptr<const Placeholders> placeholders_;
  Into into_;
  std::string held_;
};

}  // namespace hearth::privacy
