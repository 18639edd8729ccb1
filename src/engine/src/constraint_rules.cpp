// SPDX-License-Identifier: Apache-2.0
#include "constraint_rules.hpp"

#include <bit>

#include <fmt/format.h>

#include "constraint_text.hpp"

namespace hearth::engine {
namespace {

using Symbol = RuleSet::Symbol;

// Counts up to here become a chain, which keeps one parse alive; larger ones are composed of powers of two.
constexpr std::uint64_t kMaxChain = 256;

std::string class_char(char32_t c) {
  const bool plain = (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z');
  if (plain) return std::string(1, static_cast<char>(c));
  if (c < 0x80) return fmt::format("\\x{:02X}", static_cast<unsigned>(c));
  if (c < 0x10000) return fmt::format("\\u{:04X}", static_cast<unsigned>(c));
  return fmt::format("\\U{:08X}", static_cast<unsigned>(c));
}

Symbol text_symbol(std::string terminal) { return {std::move(terminal), 0}; }

/// The characters with a two-character escape in JSON, and the letter of each.
struct ShortEscape {
  char32_t decoded;
  char32_t letter;
};
constexpr ShortEscape kShortEscapes[] = {{U'"', U'"'}, {U'\\', U'\\'}, {U'/', U'/'}, {0x08, U'b'},
                                         {0x0C, U'f'}, {0x0A, U'n'},   {0x0D, U'r'}, {0x09, U't'}};
const CharSet& raw_in_json() {
  static const CharSet set{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kMaxCodePoint}};
  return set;
}

}  // namespace

Symbol RuleSet::literal(std::string_view utf8) {
  std::string out = "\"";
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return text_symbol(out + '"');
}

Symbol RuleSet::set(const CharSet& set) {
  std::string out = "[";
  for (const CodeRange& r : set.ranges()) {
    out += class_char(r.lo);
    if (r.hi != r.lo) out += '-' + class_char(r.hi);
  }
  return text_symbol(out + ']');
}

RuleSet::RuleId RuleSet::rule_of(std::vector<Sequence> alternatives) {
  const RuleId id = add();
  rules_[id] = std::move(alternatives);
  return id;
}

RuleSet::RuleId RuleSet::json_char() {
  if (const auto it = shared_.find("char"); it != shared_.end()) return it->second;
  const Symbol hex = text_symbol("[0-9a-fA-F]");
  // A \u escape is one code unit; surrogates only as a pair, since a lone one is no text.
  const RuleId unit = rule_of({{text_symbol("[0-9a-cA-CeEfF]"), hex, hex, hex},
                               {text_symbol("[dD]"), text_symbol("[0-7]"), hex, hex},
                               {text_symbol("[dD]"), text_symbol("[89abAB]"), hex, hex, literal("\\u"),
                                text_symbol("[dD]"), text_symbol("[c-fC-F]"), hex, hex}});
  const RuleId escape = rule_of({{text_symbol(R"(["\\/bfnrt])")}, {literal("u"), ref(unit)}});
  const RuleId id = rule_of({{set(raw_in_json())}, {literal("\\"), ref(escape)}});
  return shared_["char"] = id;
}

RuleSet::RuleId RuleSet::escaped_beyond_ascii() {
  if (const auto it = shared_.find("beyond"); it != shared_.end()) return it->second;
  const Symbol hex = text_symbol("[0-9a-fA-F]");
  const RuleId unit = rule_of({{literal("00"), text_symbol("[89a-fA-F]"), hex},
                               {literal("0"), text_symbol("[1-9a-fA-F]"), hex, hex},
                               {text_symbol("[1-9a-cA-CeEfF]"), hex, hex, hex},
                               {text_symbol("[dD]"), text_symbol("[0-7]"), hex, hex},
                               {text_symbol("[dD]"), text_symbol("[89abAB]"), hex, hex, literal("\\u"),
                                text_symbol("[dD]"), text_symbol("[c-fC-F]"), hex, hex}});
  const RuleId id = rule_of({{literal("\\u"), ref(unit)}});
  return shared_["beyond"] = id;
}

RuleSet::RuleId RuleSet::escaped_control() {
  if (const auto it = shared_.find("control"); it != shared_.end()) return it->second;
  const RuleId id = rule_of({{literal("\\u00"), text_symbol("[01]"), text_symbol("[0-9a-fA-F]")}});
  return shared_["control"] = id;
}

RuleSet::RuleId RuleSet::one_blank() {
  if (const auto it = shared_.find("blank"); it != shared_.end()) return it->second;
  const RuleId id = rule_of({{}, {literal(" ")}});
  return shared_["blank"] = id;
}

RuleSet::RuleId RuleSet::space() {
  if (const auto it = shared_.find("space"); it != shared_.end()) return it->second;
  const RuleId indent = rule_of({{text_symbol("[ \\t]")}});
  Sequence line{text_symbol("\"\\n\"")};
  const RuleId indents = at_most(indent, 20);
  line.push_back(ref(indents));
  const RuleId id = rule_of({{}, {literal(" ")}, line});
  return shared_["space"] = id;
}

void RuleSet::json_edges(RuleId from, const CharSet& set, RuleId to) {
  if (set.contains_all(0, kMaxCodePoint)) {
    alternative(from, {ref(json_char()), ref(to)});
    return;
  }
  if (const CharSet raw = set.intersect(raw_in_json()); !raw.empty()) {
    alternative(from, {RuleSet::set(raw), ref(to)});
  }
  CharSet letters;
  for (const ShortEscape& e : kShortEscapes) {
    if (set.contains(e.decoded)) letters.add(e.letter, e.letter);
  }
  if (!letters.empty()) alternative(from, {literal("\\"), RuleSet::set(letters), ref(to)});
  if (set.contains_all(0, 0x1F)) alternative(from, {ref(escaped_control()), ref(to)});
  if (set.contains_all(0x80, kMaxCodePoint)) alternative(from, {ref(escaped_beyond_ascii()), ref(to)});
}

RuleSet::RuleId RuleSet::language(const Dfa& dfa, Encoding encoding, const Sequence& tail) {
  std::vector<RuleId> ids(dfa.states.size());
  for (RuleId& id : ids) id = add();
  for (std::size_t i = 0; i < dfa.states.size(); ++i) {
    std::map<std::uint32_t, CharSet> by_target;
    for (const Dfa::Edge& e : dfa.states[i].edges) by_target[e.to].add(e.lo, e.hi);
    for (const auto& [to, chars] : by_target) {
      if (encoding == Encoding::json_string) {
        json_edges(ids[i], chars, ids[to]);
      } else if (const CharSet some = chars.intersect({{1, kMaxCodePoint}}); !some.empty()) {
        alternative(ids[i], {set(some), ref(ids[to])});  // a NUL cannot be sampled
      }
    }
    if (dfa.states[i].accepting) alternative(ids[i], tail);
  }
  return ids[0];
}

RuleSet::RuleId RuleSet::power(RuleId element, unsigned exponent) {
  if (exponent == 0) return element;
  if (const auto it = power_.find({element, exponent}); it != power_.end()) return it->second;
  const RuleId half = power(element, exponent - 1);
  const RuleId id = rule_of({{ref(half), ref(half)}});
  power_[{element, exponent}] = id;
  return id;
}

RuleSet::Sequence RuleSet::exactly(RuleId element, std::uint64_t count) {
  Sequence out;
  if (count <= 8) {
    out.assign(count, ref(element));
    return out;
  }
  for (unsigned bit = 64; bit-- > 0;) {
    if ((count >> bit & 1U) != 0) out.push_back(ref(power(element, bit)));
  }
  return out;
}

RuleSet::RuleId RuleSet::at_most(RuleId element, std::uint64_t count) {
  if (const auto it = at_most_.find({element, count}); it != at_most_.end()) return it->second;
  RuleId id = 0;
  if (count == 0) {
    id = rule_of({{}});
  } else if (count == 1) {
    id = rule_of({{}, {ref(element)}});
  } else if (count <= kMaxChain) {
    const RuleId rest = at_most(element, count - 1);
    id = rule_of({{}, {ref(element), ref(rest)}});
  } else {
    // Disjoint by length: at least 2^k of them, or fewer.
    const unsigned exponent = static_cast<unsigned>(std::bit_width(count)) - 1;
    const std::uint64_t whole = 1ULL << exponent;
    const RuleId block = power(element, exponent);
    const RuleId rest = at_most(element, count - whole);
    const RuleId fewer = at_most(element, whole - 1);
    id = rule_of({{ref(block), ref(rest)}, {ref(fewer)}});
  }
  at_most_[{element, count}] = id;
  return id;
}

RuleSet::Sequence RuleSet::repeated(RuleId element, std::uint64_t min, std::uint64_t max) {
  Sequence out = exactly(element, min);
  if (max == kUnbounded) {
    const RuleId loop = add();
    rules_[loop] = {{}, {ref(element), ref(loop)}};
    out.push_back(ref(loop));
  } else if (max > min) {
    out.push_back(ref(at_most(element, max - min)));
  }
  return out;
}

}  // namespace hearth::engine
