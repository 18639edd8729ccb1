// SPDX-License-Identifier: Apache-2.0
#include "token_index.hpp"

#include <algorithm>
#include <string_view>

#include "mask_grammar.hpp"

namespace hearth::engine {
namespace {

/// Length in bytes of the character at the front of `text`, 0 when it is cut, malformed, or not plain.
std::size_t plain_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return is_plain(first) ? 1 : 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  char32_t c = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    c = (c << 6U) | (byte(i) & 0x3FU);
  }
  const char32_t shortest = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  return c >= shortest && c <= 0x10FFFF && (c < 0xD800 || c >= 0xE000) ? length : 0;
}

struct Beginning {
  std::size_t characters = 0;
  std::size_t bytes = 0;
};
Beginning plain_beginning(std::string_view text) {
  Beginning out;
  while (out.bytes < text.size()) {
    const std::size_t length = plain_character(text.substr(out.bytes));
    if (length == 0) break;
    out.bytes += length;
    ++out.characters;
  }
  return out;
}

}  // namespace

void PlaceSet::add(TokenPlace from, TokenPlace to) {
  const auto below = [](TokenPlace place) { return (std::uint64_t{1} << (place % 64)) - 1; };  // bits before it
  if (from / 64 == to / 64) {
    if (from < to) words_[from / 64] |= below(to) & ~below(from);
    return;
  }
  words_[from / 64] |= ~below(from);
  std::fill(words_.begin() + from / 64 + 1, words_.begin() + to / 64, ~std::uint64_t{0});
  if (to % 64 != 0) words_[to / 64] |= below(to);
}

TokenTrie::TokenTrie(Texts texts) {
  std::ranges::sort(texts);
  std::vector<std::uint32_t> open;  // the nodes of the text before, by depth
  const auto close_down_to = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) nodes_[open.back()].skip = static_cast<std::uint32_t>(nodes_.size());
  };
  std::string_view before;
  for (const auto& [text, place] : texts) {
    if (text.empty() || text.size() > kMaxDepth) continue;
    const auto same = std::ranges::mismatch(before, text);
    close_down_to(static_cast<std::size_t>(same.in1 - before.begin()));
    while (open.size() < text.size()) {
      const auto depth = static_cast<std::uint8_t>(open.size() + 1);
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.skip = 0,
                        .first = static_cast<std::uint32_t>(places_.size()),
                        .byte = static_cast<unsigned char>(text[depth - 1]),
                        .depth = depth});
    }
    // Behind a node, so many characters of this text begin; one that has begun before it counts, too.
    std::uint8_t characters = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
      Node& node = nodes_[open[i]];
      node.characters = std::max(node.characters, characters);
      if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80) {
        if (i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xC0U) != 0x80) ++characters;
      } else if (static_cast<unsigned char>(text[i]) < 0x80) {
        ++characters;
      }
    }
    places_.push_back(place);
    depth_ = std::max(depth_, text.size());
    before = text;
  }
  close_down_to(0);
  nodes_.push_back({.skip = 0, .first = static_cast<std::uint32_t>(places_.size())});
}

TokenIndex::TokenIndex(std::vector<std::string> texts, std::vector<TokenId> ends)
    : texts_{std::move(texts)}, ends_{std::move(ends)}, place_(texts_.size(), kNowhere) {
  std::vector<std::pair<std::string_view, TokenId>> sorted;
  std::vector<Beginning> beginnings(texts_.size());
  const auto is_plain_token = [&](TokenId token) {
    const Beginning& beginning = beginnings[static_cast<std::size_t>(token)];
    return beginning.bytes == text(token).size() && beginning.characters <= kMaxPlain;
  };
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    if (texts_[i].empty()) continue;
    beginnings[i] = plain_beginning(texts_[i]);
    sorted.emplace_back(texts_[i], static_cast<TokenId>(i));
  }
  std::ranges::sort(sorted, [&](const auto& a, const auto& b) {
    const bool plain = is_plain_token(a.second);
    return plain != is_plain_token(b.second) ? plain : a < b;
  });

  TokenTrie::Texts plain;
  TokenTrie::Texts rest;
  TokenTrie::Texts long_plain;
  std::vector<TokenTrie::Texts> behind(1);
  std::vector<std::vector<TokenPlace>> by_length(1);
  for (const auto& [text, token] : sorted) {
    const auto place = static_cast<TokenPlace>(tokens_.size());
    place_[static_cast<std::size_t>(token)] = place;
    tokens_.push_back(token);
    const auto [characters, bytes] = beginnings[static_cast<std::size_t>(token)];
    if (is_plain_token(token)) {
      plain.emplace_back(text, place);
      by_length.resize(std::max(by_length.size(), characters + 1));
      by_length[characters].push_back(place);
      continue;
    }
    rest.emplace_back(text, place);
    if (characters > kMaxPlain) {
      long_plain.emplace_back(text, place);
    } else {
      behind.resize(std::max(behind.size(), characters + 1));
      behind[characters].emplace_back(text.substr(bytes), place);
    }
  }
  plain_ = TokenTrie{std::move(plain)};
  rest_ = TokenTrie{std::move(rest)};
  long_plain_ = TokenTrie{std::move(long_plain)};
  for (auto& suffixes : behind) behind_.emplace_back(std::move(suffixes));
  plain_up_to_.emplace_back(tokens_.size());
  for (std::size_t length = 1; length < by_length.size(); ++length) {
    PlaceSet& set = plain_up_to_.emplace_back(plain_up_to_.back());
    for (const TokenPlace place : by_length[length]) set.add(place);
  }
}

}  // namespace hearth::engine
