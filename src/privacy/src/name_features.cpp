// SPDX-License-Identifier: Apache-2.0
#include "name_features.hpp"

#include <algorithm>

#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr std::uint32_t kMask = (1U << NameModel::kBits) - 1;

std::uint32_t mixed(std::uint32_t a, std::uint32_t b) {  // the finalizer of MurmurHash3 (Appleby, public domain)
  std::uint32_t h = a * 0x9E3779B1U ^ b;
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  return h;
}

/// FNV-1a over characters as the model sees them.
class Hash {
 public:
  void add(char c) { state_ = (state_ ^ static_cast<unsigned char>(c)) * 16777619U; }
  std::uint32_t value() const { return mixed(state_, 0x5BD1U); }

 private:
  std::uint32_t state_ = 2166136261U;
};

std::uint32_t hash_of(std::string_view part) {
  Hash hash;
  for (const char c : part) hash.add(is_digit(c) ? '0' : to_lower(c));
  return hash.value();
}

bool is_capital(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c >= 'A' && c <= 'Z') return true;
  // Capitals of Latin-1, as UTF-8: C3 80 to C3 9E.
  return static_cast<unsigned char>(c) == 0xC3 && at + 1 < text.size() &&
         static_cast<unsigned char>(text[at + 1]) < 0x9F;
}

char shape_of(std::string_view text, std::size_t at) {
  if (is_digit(text[at])) return '0';
  if (is_capital(text, at)) return 'X';
  return is_letter(text[at]) ? 'x' : text[at];
}

void describe(std::string_view text, Token& token) {
  Hash word;
  Hash shape;
  char last = 0;
  int repeated = 0;
  const std::string_view part = text.substr(0, token.end);
  for (std::size_t i = token.begin; i < token.end; ++i) {
    word.add(is_digit(text[i]) ? '0' : to_lower(text[i]));
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80) continue;  // the rest of a character
    const char s = shape_of(part, i);
    repeated = s == last ? repeated + 1 : 0;
    // Five digits are a postcode, sixteen are not: count some of them.
    if (repeated == 0 || (s == '0' && repeated < 6)) shape.add(s);
    last = s;
  }
  token.word = word.value();
  token.shape = shape.value();
  token.number = is_digit(text[token.begin]);
  token.loud = token.number || is_capital(part, token.begin);
}

std::size_t end_of_token(std::string_view text, std::size_t at, std::size_t stop) {
  std::size_t end = at;
  const auto part_of_word = [&](std::size_t i) {
    if (is_letter(text[i]) || is_digit(text[i])) return true;
    const bool inside = i > at && i + 1 < stop && (is_letter(text[i + 1]) || is_digit(text[i + 1]));
    if (text[i] == '\'') return inside && to_lower(text[i + 1]) != 's';  // O'Brien, but not Brien's
    return text[i] == '-' && inside;
  };
  while (end < stop && part_of_word(end)) ++end;
  return std::max(end, at + 1);
}

}  // namespace

const std::array<std::uint16_t, NameModel::kTags> kTypeOfTag{kBuiltIns,    kPerson, kAddress, kLocation, kOrganization,
                                                             kNationality, kTitle,  kAge,     kDate,     kPhone};

std::uint8_t tag_of_type(std::uint16_t type) {
  const auto found = std::ranges::find(kTypeOfTag.begin() + 1, kTypeOfTag.end(), type);
  return found == kTypeOfTag.end() ? std::uint8_t{0} : static_cast<std::uint8_t>(found - kTypeOfTag.begin());
}

std::vector<Token> tokens_of(std::string_view text, const Findings& known) {
  std::vector<Token> tokens;
  tokens.reserve(text.size() / 5 + 1);
  auto finding = known.begin();
  for (std::size_t at = 0; at < text.size();) {
    while (finding != known.end() && finding->end <= at) ++finding;
    Token token{.begin = static_cast<std::uint32_t>(at)};
    if (finding != known.end() && finding->begin <= at) {
      token.end = finding->end;
      token.known = true;
      token.word = token.shape = mixed(finding->type, 0xF00D);
      at = token.end;
      tokens.push_back(token);
      continue;
    }
    if (is_space(text[at]) && text[at] != '\n') {
      ++at;
      continue;
    }
    const std::size_t stop = finding == known.end() ? text.size() : finding->begin;
    at = end_of_token(text, at, stop);
    token.end = static_cast<std::uint32_t>(at);
    token.mark = !is_letter(text[token.begin]) && !is_digit(text[token.begin]);
    describe(text, token);
    tokens.push_back(token);
  }
  return tokens;
}

Features features_of(std::string_view text, const std::vector<Token>& tokens, std::size_t at, std::uint8_t before,
                     std::uint8_t before_that) {
  static constexpr Token kEdge{.word = 0xED6E, .shape = 0xED6E};
  const auto token = [&](std::ptrdiff_t offset) -> const Token& {
    const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(at) + offset;
    return i < 0 || i >= static_cast<std::ptrdiff_t>(tokens.size()) ? kEdge : tokens[static_cast<std::size_t>(i)];
  };
  const Token& here = token(0);
  const Token& left = token(-1);
  const Token& right = token(1);
  const std::string_view word = text.substr(here.begin, here.end - here.begin);
  const auto head = hash_of(word.substr(0, 3));
  const auto tail = hash_of(word.substr(word.size() - std::min<std::size_t>(word.size(), 3)));
  const auto ending = hash_of(word.substr(word.size() - std::min<std::size_t>(word.size(), 2)));
  const std::uint32_t tags = before * 16U + before_that;
  Features out{here.word,
               left.word,
               right.word,
               token(-2).word,
               token(2).word,
               here.shape,
               mixed(left.shape, mixed(here.shape, right.shape)),
               head,
               tail,
               mixed(ending, here.shape),
               before,
               mixed(before, here.word),
               mixed(before, here.shape),
               tags,
               mixed(left.word, here.shape),
               mixed(right.word, here.shape),
               mixed(token(-2).word, left.word),
               mixed(right.word, token(2).word),
               mixed(here.shape, mixed(right.shape, token(2).shape)),
               mixed(tags, mixed(here.shape, right.word))};
  for (std::uint32_t kind = 0; kind < out.size(); ++kind) out[kind] = mixed(out[kind], kind + 1) & kMask;
  return out;
}

}  // namespace hearth::privacy
