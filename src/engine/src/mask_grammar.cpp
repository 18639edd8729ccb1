// SPDX-License-Identifier: Apache-2.0
#include "mask_grammar.hpp"

namespace hearth::engine {
namespace {

using Position = MaskGrammar::Position;

unsigned first_byte(char32_t c) {
  if (c < 0x80) return c;
  if (c < 0x800) return 0xC0U | (c >> 6U);
  return c < 0x10000 ? 0xE0U | (c >> 12U) : 0xF0U | (c >> 18U);
}

MaskGrammar::Set set_of(const CharSet& chars) {
  // Surrogates are no characters of any text, so no set has to hold them.
  static const CharSet kPlain{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7E}, {0x80, 0xD7FF}, {0xE000, kMaxCodePoint}};
  MaskGrammar::Set out{.chars = chars, .first = {}};
  for (const CodeRange& range : chars.ranges()) {
    for (unsigned byte = first_byte(range.lo); byte <= first_byte(range.hi); ++byte) out.first[byte] = true;
  }
  const CharSet common = chars.intersect(kPlain);
  out.no_plain = common.empty();
  out.all_plain = common.ranges() == kPlain.ranges();
  return out;
}

}  // namespace

Result<MaskGrammar> MaskGrammar::of(const Gbnf& gbnf) {
  using Kind = Gbnf::Element::Kind;
  MaskGrammar out;
  out.root = gbnf.root;
  for (const CharSet& chars : gbnf.sets) out.sets.push_back(set_of(chars));
  for (const Gbnf::Rule& rule : gbnf.rules) {
    auto& starts = out.starts.emplace_back();
    for (const Gbnf::Alternative& alternative : rule.alternatives) {
      starts.push_back(static_cast<std::uint32_t>(out.positions.size()));
      for (const Gbnf::Element& element : alternative) {
        if (element.kind == Kind::token) {
          return fail(ErrorCode::unsupported, "a grammar that names tokens is left to libllama's sampler");
        }
        out.positions.push_back(
            {element.kind == Kind::chars ? Position::Kind::set : Position::Kind::rule, element.index});
      }
      out.positions.push_back({});
    }
  }
  return out;
}

}  // namespace hearth::engine
