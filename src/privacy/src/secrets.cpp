// SPDX-License-Identifier: Apache-2.0
// Keys of the services that give theirs a shape of its own, and what stands behind "password:" and the like.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "detectors.hpp"
#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

/// Bits a character, by the characters' own frequencies (Shannon 1948). Random base64 of 20 characters has about 4.
double entropy(std::string_view text) {
  std::array<int, 256> seen{};
  for (const char c : text) ++seen[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int n : seen) {
    const double p = static_cast<double>(n) / static_cast<double>(text.size());
    if (n > 0) bits -= p * std::log2(p);
  }
  return bits;
}

bool in_token(char c) { return is_word(c) || c == '-' || c == '.' || c == '+' || c == '/' || c == '='; }

/// A key with a prefix of its own: the whole token, if it looks random.
std::size_t check_token(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  constexpr double kRandom = 2.8;
  while (end < text.size() && in_token(text[end])) ++end;
  const std::size_t settled = end;
  while (end > begin && text[end - 1] == '.') --end;
  if (entropy(text.substr(begin, end - begin)) >= kRandom) out.push_back(finding_of(kSecret, begin, end, 0.95F));
  return settled;
}

bool is_placeholder(std::string_view value) {
  std::string lower{value};
  std::ranges::transform(lower, lower.begin(), to_lower);
  constexpr auto kSigns = std::to_array<std::string_view>(
      {"${", "{{", "<", "your", "xxxx", "****", "example", "os.environ", "process.env", "getenv"});
  return std::ranges::any_of(kSigns, [&](std::string_view sign) { return lower.find(sign) != std::string::npos; });
}

/// What is assigned to something called a password, a token or a key. The match ends with its first character.
std::size_t check_assigned(std::string_view text, std::size_t, std::size_t end, Findings& out) {
  constexpr std::string_view kEnds = "\"'`,;)]}";
  constexpr std::size_t kShortest = 6;
  constexpr double kRandom = 2.2;
  const std::size_t begin = end - 1;
  std::size_t last = begin;
  while (last < text.size() && !is_space(text[last]) && kEnds.find(text[last]) == std::string_view::npos) ++last;
  const std::size_t settled = std::max(last, end);
  while (last > begin && (text[last - 1] == '.' || text[last - 1] == '!' || text[last - 1] == '?')) --last;
  const std::string_view value = text.substr(begin, last - begin);
  const bool mixed = std::ranges::any_of(value, is_digit) && std::ranges::any_of(value, is_letter);
  if (value.size() >= kShortest && mixed && !is_placeholder(value) && entropy(value) >= kRandom) {
    out.push_back(finding_of(kSecret, begin, last, 0.75F));
  }
  return settled;
}

/// "eyJ…": a JSON object in base64url; three of them with dots between are a JWT.
std::size_t check_jwt(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  int dots = 0;
  while (end < text.size() && (is_word(text[end]) || text[end] == '-' || text[end] == '.'))
    dots += text[end++] == '.' ? 1 : 0;
  if (dots >= 2) out.push_back(finding_of(kSecret, begin, end, 0.95F));
  return end;
}

/// To the line that ends it; without one, to the end of the text: half a key is a secret too.
std::size_t check_private_key(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  const std::size_t closing = text.find("-----END", end);
  std::size_t last = closing == std::string_view::npos ? text.size() : text.find("-----", closing + 8);
  last = last == std::string_view::npos ? text.size()
                                        : std::min(text.size(), last + (closing == std::string_view::npos ? 0 : 5));
  out.push_back(finding_of(kPrivateKey, begin, last, 1));
  return last;
}

constexpr auto kSecrets = std::to_array<Detector>({
    {R"(\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16})", false, check_token},                          // AWS
    {R"(\bgh[pousr]_[A-Za-z0-9]{20}|\bgithub_pat_[A-Za-z0-9_]{20})", false, check_token},           // GitHub
    {R"(\bgl(?:pat|dt|rt|soat|cbt|ptt|ft|imt|agent|oas)-[A-Za-z0-9_\-]{20})", false, check_token},  // GitLab
    {R"(\bsk-[A-Za-z0-9_\-]{20})", false, check_token},  // OpenAI, Anthropic, others
    {R"(\bAIza[0-9A-Za-z_\-]{35}|\bya29\.[0-9A-Za-z_\-]{20}|\bGOCSPX-[0-9A-Za-z_\-]{20})", false,
     check_token},  // Google
    {R"(\bxox[abeoprs]-[0-9A-Za-z\-]{10}|\bxapp-\d-[A-Z0-9]{8}|hooks\.slack\.com/services/T)", false,
     check_token},                                                                                    // Slack
    {R"(\b(?:[sr]k|pk)_(?:live|test)_[0-9A-Za-z]{16}|\bwhsec_[0-9A-Za-z]{20})", false, check_token},  // Stripe
    {R"(\bSG\.[A-Za-z0-9_\-]{16})", false, check_token},                                              // SendGrid
    {R"(\b(?:SK|AC)[0-9a-f]{32}|\bkey-[0-9a-f]{32})", false, check_token},                            // Twilio, Mailgun
    {R"(\bnpm_[A-Za-z0-9]{30}|\bpypi-[A-Za-z0-9_\-]{30}|\brubygems_[a-f0-9]{40})", false, check_token},  // registries
    {R"(\bhf_[A-Za-z0-9]{30}|\bgsk_[A-Za-z0-9]{20}|\bnvapi-[A-Za-z0-9_\-]{20}|\bpplx-[A-Za-z0-9]{20}|\bxai-[A-Za-z0-9]{20}|\br8_[A-Za-z0-9]{20})",
     false, check_token},
    {R"(\bdo[opr]_v1_[a-f0-9]{40}|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|\bdapi[a-f0-9]{32}|\bhv[sb]\.[A-Za-z0-9_\-]{20}|\bglsa_[A-Za-z0-9]{20}|\blin_api_[A-Za-z0-9]{20}|\bATATT3[A-Za-z0-9_\-]{20}|\bsq0[a-z]{3}-[A-Za-z0-9_\-]{20}|\bage-secret-key-1)",
     false, check_token},
    {R"(\bhth-[a-z2-7]{16}-[a-z2-7]{20})", false, check_token},
    {R"(AccountKey=[A-Za-z0-9+/]{30}|SharedAccessKey=[A-Za-z0-9+/]{20})", false, check_token},  // Azure
    {R"(\bBearer [A-Za-z0-9._\-]{20}|\bBasic [A-Za-z0-9+/]{16})", false, check_token},
    {R"(\beyJ[A-Za-z0-9_\-]{10})", false, check_jwt},
    {R"(-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY)", false, check_private_key},
    {R"((?:api[_\-]?key|secret|passwd|password|passwort|passphrase|token|access[_\-]?key|credential|pwd)["'\]]{0,2}\s{0,3}(?:=|:|:=|=>)\s{0,3}["'`]?[^\s"'`=:>])",
     true, check_assigned},
    {R"((?:password|passphrase|pass ?code|api key|secret|token) is:? ["'`]?[^\s"'`])", true, check_assigned},
});

}  // namespace

std::span<const Detector> secrets() { return kSecrets; }

}  // namespace hearth::privacy
