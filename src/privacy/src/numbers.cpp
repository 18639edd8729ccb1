// SPDX-License-Identifier: Apache-2.0
#include "numbers.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "checksums.hpp"
#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr std::size_t kRunMax = 256;    // bytes of digits and separators that are looked at together
constexpr std::size_t kLeastBytes = 6;  // 1/2/34
constexpr std::size_t kLeastDigits = 4;
constexpr std::size_t kMostDigits = 19;
constexpr std::size_t kMostGroups = 8;     // of one number
constexpr std::size_t kSeparatorsMax = 3;  // between two groups: ") ", " (0)"

bool separates(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')' || c == '+'; }

struct Group {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
};

/// Some neighbouring groups, as one number. Made for every few groups of a run, so it allocates nothing.
struct Number {
  std::string_view text;
  std::size_t begin = 0;  // with a "+" or "(" before the first digit
  std::size_t end = 0;
  char separator = 0;    // the one between all groups; 0: one group, '*': different ones
  bool plus = false;     // begins with it
  bool bracket = false;  // one of the groups is in brackets
  std::size_t digit_count = 0;
  std::size_t group_count = 0;
  std::array<char, kMostDigits> all_digits{};
  std::array<std::size_t, kMostGroups> all_sizes{};

  std::string_view digits() const { return {all_digits.data(), digit_count}; }
  std::span<const std::size_t> sizes() const { return {all_sizes.data(), group_count}; }
  bool shaped(std::initializer_list<std::size_t> wanted) const { return std::ranges::equal(sizes(), wanted); }
  bool joined() const { return group_count == 1; }
};

/// What the words around a run of digits say that it is.
class Context {
 public:
  enum Topic : std::uint8_t { birth, ssn, card, nhs, steuer, nir, my_number, phone, topics };

  Context(std::string_view text, std::size_t begin, std::size_t end) : text_{text}, begin_{begin}, end_{end} {}
  /// Looked up once a topic: runs of many numbers ask often.
  bool says(Topic topic) const {
    if (!known_[topic]) known_[topic] = mentions(text_, begin_, end_, kWords[topic]);
    return *known_[topic];
  }

 private:
  using Words = std::string_view;
  static constexpr std::array<Words, 11> kBirth{"born",      "birth", "dob",    "d.o.b",      "geboren", "geb.",
                                                "naissance", "né le", "née le", "nacimiento", "nascita"};
  static constexpr std::array<Words, 3> kSocial{"ssn", "social security", "social-security"};
  static constexpr std::array<Words, 11> kCards{"card",        "visa",  "mastercard", "amex",    "credit", "debit",
                                                "kreditkarte", "karte", "carte",      "tarjeta", "carta"};
  static constexpr std::array<Words, 3> kHealth{"nhs", "patient", "health"};
  static constexpr std::array<Words, 4> kTax{"steuer", "idnr", "tin", "tax"};
  static constexpr std::array<Words, 5> kInsee{"nir", "insee", "sécurité sociale", "securite sociale", "sécu"};
  static constexpr std::array<Words, 4> kMine{"my number", "mynumber", "マイナンバー", "個人番号"};
  static constexpr std::array<Words, 18> kCalls{"phone", "call", "tel",       "mobile",   "fax",   "cell",
                                                "dial",  "ring", "number",    "contact",  "reach", "whatsapp",
                                                "sms",   "text", "téléphone", "teléfono", "handy", "mobil"};
  static constexpr std::array<std::span<const Words>, topics> kWords{kBirth, kSocial, kCards, kHealth,
                                                                     kTax,   kInsee,  kMine,  kCalls};
  std::string_view text_;
  std::size_t begin_;
  std::size_t end_;
  mutable std::array<std::optional<bool>, topics> known_;
};

Number number_of(std::string_view text, const std::vector<Group>& groups, std::size_t first, std::size_t last) {
  Number number{.text = text, .begin = groups[first].begin, .end = groups[last].end};
  for (std::size_t i = first; i <= last; ++i) {
    number.digit_count += text.copy(number.all_digits.data() + number.digit_count, groups[i].size(), groups[i].begin);
    number.all_sizes[number.group_count++] = groups[i].size();
    if (i == first) continue;
    const std::string_view between = text.substr(groups[i - 1].end, groups[i].begin - groups[i - 1].end);
    if (between.find_first_of("()") != std::string_view::npos) number.bracket = true;
    const char separator = between.size() == 1 ? between[0] : '*';
    number.separator = i == first + 1 || number.separator == separator ? separator : '*';
  }
  while (number.begin > 0 && (text[number.begin - 1] == '(' || text[number.begin - 1] == '+')) {
    number.plus |= text[number.begin - 1] == '+';
    number.bracket |= text[number.begin - 1] == '(';
    --number.begin;
  }
  const bool closed = text.substr(number.begin, number.end - number.begin).find(')') != std::string_view::npos;
  if (!closed && text[number.begin] == '(') {  // a bracket around more than the number
    ++number.begin;
    number.bracket = false;
  }
  return number;
}

struct Kind {
  BuiltIn type;
  float score;
};

int value(std::string_view digits) {
  int out = 0;
  for (const char c : digits) out = out * 10 + (c - '0');
  return out;
}

std::optional<Kind> as_date(const Number& n, const Context& context) {
  if (n.sizes().size() != 3 || (n.separator != '-' && n.separator != '/' && n.separator != '.')) return {};
  const std::string_view all = n.digits();
  const std::string_view a = all.substr(0, n.sizes()[0]);
  const std::string_view b = all.substr(n.sizes()[0], n.sizes()[1]);
  const std::string_view c = all.substr(n.sizes()[0] + n.sizes()[1]);
  const bool year_first = a.size() == 4 && b.size() <= 2 && c.size() <= 2;
  const bool year_last = a.size() <= 2 && b.size() <= 2 && (c.size() == 4 || (c.size() == 2 && n.separator != '.'));
  if (!year_first && !year_last) return {};
  const int day = year_first ? value(c) : value(a);
  const int month = value(b);
  const bool possible = (day >= 1 && day <= 31 && month >= 1 && month <= 12) ||
                        (year_last && day >= 1 && day <= 12 && month >= 1 && month <= 31);
  if (!possible) return {};
  if (context.says(Context::birth)) return Kind{kDateOfBirth, 0.95F};
  return Kind{kDate, 0.6F};
}

/// Numbers with check digits. A wrong one passes once in 10 to 97 times, so a plain run of digits counts for less, and
/// what the words around name counts for more than what else it might be.
std::optional<Kind> as_identifier(const Number& n, const Context& context) {
  const bool spaced = n.separator == ' ' || n.separator == '-';
  const std::string_view digits = n.digits();
  std::optional<Kind> best;
  const auto offer = [&](BuiltIn type, Context::Topic topic, float unnamed) {
    const float score = context.says(topic) ? 1.0F : unnamed;
    if (score > 0 && (!best || score > best->score)) best = Kind{type, score};
  };
  switch (digits.size()) {
    case 9:
      if (!is_ssn(digits)) break;
      if (n.shaped({3, 2, 4}) && spaced) offer(kSsn, Context::ssn, n.separator == '-' ? 0.85F : 0);
      if (n.joined()) offer(kSsn, Context::ssn, 0);
      break;
    case 10:
      if ((!n.joined() && !(spaced && n.shaped({3, 3, 4}))) || !is_nhs(digits)) break;
      offer(kNhs, Context::nhs, n.separator == '-' || context.says(Context::phone) ? 0 : 0.5F);
      break;
    case 11:
      if ((n.joined() || n.shaped({2, 3, 3, 3}) || n.shaped({3, 3, 3, 2})) && is_steuer_id(digits)) {
        offer(kSteuerId, Context::steuer, 0.6F);
      }
      break;
    case 12:
      if ((n.joined() || n.shaped({4, 4, 4})) && is_my_number(digits)) offer(kMyNumber, Context::my_number, 0.65F);
      break;
    case 15:
      if ((n.joined() || n.shaped({13, 2}) || n.shaped({1, 2, 2, 2, 3, 3, 2})) && is_nir(digits)) {
        offer(kNir, Context::nir, 0.65F);
      }
      break;
    default: break;
  }
  const bool grouped = spaced && n.group_count <= 5 && std::ranges::min(n.sizes()) >= 2;
  if (digits.size() >= 12 && (n.joined() || grouped) && is_card(digits)) offer(kCard, Context::card, 0.6F);
  return best;
}

/// Two years, or the ends of a range of them.
bool are_years(const Number& n) {
  return n.shaped({4, 4}) && (n.digits()[0] == '1' || n.digits()[0] == '2') &&
         (n.digits()[4] == '1' || n.digits()[4] == '2');
}

std::optional<Kind> as_phone(const Number& n, const Context& context) {
  const std::size_t size = n.digits().size();
  if (size < 7 || size > 15) return {};
  const bool address = n.separator == '.' && n.group_count == 4 && std::ranges::max(n.sizes()) <= 3;  // of a machine
  if (address && !n.plus) return {};
  const bool international = n.plus || (n.digits().starts_with("00") && size >= 10);
  if (international && size >= 8) return Kind{kPhone, 0.9F};
  const bool told = context.says(Context::phone);
  if (n.joined()) {
    if (told && size <= 12) return Kind{kPhone, 0.6F};
    return {};
  }
  if (n.sizes().size() > 6 || std::ranges::max(n.sizes()) > 8 || are_years(n)) return {};
  if (n.bracket && n.sizes()[0] <= 5 && size <= 13) return Kind{kPhone, 0.8F};
  if (n.shaped({3, 3, 4}) && n.separator != '*' && n.separator != '/') return Kind{kPhone, 0.8F};
  const bool even = n.separator == ' ' || n.separator == '-' || (n.separator == '.' && n.sizes().size() >= 4);
  const bool small = std::ranges::min(n.sizes()) >= 2 && std::ranges::max(n.sizes()) <= (told ? 8 : 5);
  if (!even || !small || size > 12) return {};
  if (told) return Kind{kPhone, 0.75F};
  // Two groups are as often a postcode and a house number, pairs a list; the words around may still tell (NameModel).
  const bool pairs = std::ranges::max(n.sizes()) == 2;
  const bool french = pairs && n.digits()[0] == '0' && n.sizes().size() == 5;
  if (french || (pairs && n.separator == '-' && size >= 8) || (!pairs && n.sizes().size() > 2))
    return Kind{kPhone, 0.5F};
  return {};
}

std::size_t after_time(std::string_view text, std::size_t end) {
  std::size_t at = end;
  if (at < text.size() && (text[at] == ' ' || text[at] == 'T')) ++at;
  const auto pair = [&](std::size_t i) { return i + 1 < text.size() && is_digit(text[i]) && is_digit(text[i + 1]); };
  if (!pair(at) || at + 2 >= text.size() || text[at + 2] != ':' || !pair(at + 3)) return end;
  at += 5;
  if (at < text.size() && text[at] == ':' && pair(at + 1)) at += 3;
  return at;
}

std::size_t after_extension(std::string_view text, std::size_t end) {
  std::size_t at = end;
  while (at < text.size() && text[at] == ' ') ++at;
  for (const std::string_view word : {"extension ", "ext. ", "ext ", "ext.", "x"}) {
    if (!text.substr(at).starts_with(word)) continue;
    const std::size_t digits = at + word.size();
    std::size_t stop = digits;
    while (stop < text.size() && is_digit(text[stop])) ++stop;
    if (stop > digits && stop - digits <= 6 && ends_word(text, stop)) return stop;
  }
  return end;
}

std::optional<Finding> classify(const Number& n, const Context& context) {
  const std::size_t extension = after_extension(n.text, n.end);
  if (!begins_word(n.text, n.begin) || (!ends_word(n.text, n.end) && extension == n.end && n.text[n.end] != 'T'))
    return {};
  std::optional<Kind> kind = as_date(n, context);
  if (!kind) kind = as_identifier(n, context);
  if (!kind) kind = as_phone(n, context);
  if (!kind) return {};
  const bool is_date = kind->type == kDate || kind->type == kDateOfBirth;
  const bool is_phone = kind->type == kPhone;
  const std::size_t end = is_date ? after_time(n.text, n.end) : is_phone ? extension : n.end;
  const std::size_t begin = is_phone ? n.begin : n.begin + n.text.substr(n.begin).find_first_of("0123456789");
  return finding_of(kind->type, begin, end, kind->score);
}

}  // namespace

std::size_t find_numbers(std::string_view text, std::size_t inside, Findings& out) {
  const auto in_run = [&](std::size_t i) { return is_digit(text[i]) || separates(text[i]); };
  std::size_t begin = inside;
  while (begin > 0 && inside - begin < kRunMax && in_run(begin - 1)) --begin;
  std::size_t end = inside;
  while (end < text.size() && end - inside < kRunMax && in_run(end)) ++end;
  std::vector<Group> groups;
  for (std::size_t i = begin; i < end; ++i) {
    if (!is_digit(text[i])) continue;
    const bool goes_on = i > begin && is_digit(text[i - 1]);
    if (!goes_on) groups.push_back({.begin = i, .end = i});
    groups.back().end = i + 1;
  }
  const Context context{text, begin, end};
  for (std::size_t first = 0; first < groups.size();) {
    std::size_t last = first;
    while (last + 1 < groups.size() && last - first + 1 < kMostGroups &&
           groups[last + 1].begin - groups[last].end <= kSeparatorsMax) {
      ++last;
    }
    std::optional<Finding> found;
    std::size_t digits = 0;
    for (std::size_t i = first; i <= last; ++i) digits += groups[i].size();
    for (std::size_t to = last + 1; to-- > first && !found; digits -= groups[to].size()) {
      if (digits < kLeastDigits || groups[to].end - groups[first].begin < kLeastBytes) break;
      if (digits > kMostDigits) continue;
      found = classify(number_of(text, groups, first, to), context);
      if (found) last = to;
    }
    first = found ? last + 1 : first + 1;
    if (found) out.push_back(*found);
  }
  return end;
}

}  // namespace hearth::privacy
