// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/inference/request.hpp"

namespace hearth::engine {

using inference::TokenId;

/// Where a token stands in the order of a TokenIndex.
using TokenPlace = std::uint32_t;

/// A set of places: one bit each.
class PlaceSet {
 public:
  PlaceSet() = default;
  explicit PlaceSet(std::size_t size) : words_((size + 63) / 64) {}
  void add(TokenPlace place) { words_[place / 64] |= std::uint64_t{1} << (place % 64); }
  /// All of [from, to).
  void add(TokenPlace from, TokenPlace to);
  void add(const PlaceSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  /// Every place in it, in order.
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        f(static_cast<TokenPlace>(i * 64 + static_cast<std::size_t>(std::countr_zero(word))));
      }
    }
  }
  bool contains(TokenPlace place) const { return ((words_[place / 64] >> (place % 64)) & 1U) != 0; }

 private:
  std::vector<std::uint64_t> words_;
};

/// Texts, none of them empty, as a tree over bytes in one array: a node's children follow it, and `skip` is where the
/// node behind all of them stands. Immutable; any thread.
class TokenTrie {
 public:
  static constexpr std::size_t kMaxDepth = 255;  // longer texts are left out, and so never allowed
  using Texts = std::vector<std::pair<std::string_view, TokenPlace>>;

  TokenTrie() = default;
  explicit TokenTrie(Texts texts);

  /// Adds to `out` every text for which `next(state, byte)`, from `from` on, never gives `dead`.
  template <class State, class Next>
  void collect(State from, State dead, Next next, PlaceSet& out) const {
    collect(from, dead, next, [](State, std::size_t) { return false; }, out);
  }
  /// The same where `ahead(state, n)` may say that any n plain characters lead on: then nobody looks at texts one by
  /// one that have no more. For tries of plain texts with places in their order.
  template <class State, class Next, class Ahead>
  void collect(State from, State dead, Next next, Ahead ahead, PlaceSet& out) const {
    std::vector<State> path(depth_ + 1, from);
    for (std::size_t i = 0; i + 1 < nodes_.size();) {
      const Node& node = nodes_[i];
      const State to = next(path[node.depth - 1], node.byte);
      if (to == dead) {
        i = node.skip;
      } else if (ahead(to, node.characters)) {
        out.add(places_[node.first], places_[nodes_[node.skip].first - 1] + 1);
        i = node.skip;
      } else {
        path[node.depth] = to;
        for (std::uint32_t t = node.first; t < nodes_[i + 1].first; ++t) out.add(places_[t]);
        ++i;
      }
    }
  }

 private:
  struct Node {
    std::uint32_t skip = 0;
    std::uint32_t first = 0;  // texts that end here: places_ from it to `first` of the next node
    unsigned char byte = 0;
    std::uint8_t depth = 0;       // 1 for the first byte
    std::uint8_t characters = 0;  // that the longest text below goes on for, when all of them are plain
  };
  std::vector<Node> nodes_;  // and one at the end that closes the last one's texts
  std::vector<TokenPlace> places_;
  std::size_t depth_ = 0;
};

/// A vocabulary, cut up so that a mask looks at few tokens: those of plain characters (is_plain) alone, at most
/// kMaxPlain of them, stand first, sorted, and the others by how many plain characters they begin with. Immutable; any
/// thread.
class TokenIndex {
 public:
  static constexpr std::size_t kMaxPlain = 32;

  /// The text of each token that a constraint may ask for; none for control tokens. Positions are token ids.
  /// `ends`: tokens that end an answer.
  explicit TokenIndex(std::vector<std::string> texts, std::vector<TokenId> ends = {});

  /// Of tokens with a text; others have kNowhere.
  TokenPlace place(TokenId token) const { return place_[static_cast<std::size_t>(token)]; }
  static constexpr TokenPlace kNowhere = ~0U;
  /// By place.
  const std::vector<TokenId>& tokens() const noexcept { return tokens_; }
  const std::string& text(TokenId token) const { return texts_[static_cast<std::size_t>(token)]; }

  const std::vector<TokenId>& ends() const noexcept { return ends_; }

  const TokenTrie& plain() const noexcept { return plain_; }
  const TokenTrie& rest() const noexcept { return rest_; }
  /// Plain tokens of at most `length` characters; `length` at most longest_plain().
  const PlaceSet& plain_up_to(std::size_t length) const { return plain_up_to_[length]; }
  std::size_t longest_plain() const noexcept { return plain_up_to_.size() - 1; }
  /// Of the rest: what follows `length` plain characters in the tokens that begin with exactly so many.
  const TokenTrie& behind_plain(std::size_t length) const { return behind_[length]; }
  std::size_t longest_behind() const noexcept { return behind_.size() - 1; }
  /// Of the rest: those that begin with more than kMaxPlain.
  const TokenTrie& long_plain() const noexcept { return long_plain_; }

 private:
  std::vector<std::string> texts_;
  std::vector<TokenId> ends_;
  std::vector<TokenPlace> place_;
  std::vector<TokenId> tokens_;
  TokenTrie plain_;
  TokenTrie rest_;
  std::vector<PlaceSet> plain_up_to_;
  std::vector<TokenTrie> behind_;
  TokenTrie long_plain_;
};

}  // namespace hearth::engine
