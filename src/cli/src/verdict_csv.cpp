// SPDX-License-Identifier: Apache-2.0
#include "verdict_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

namespace hearth::cli {
namespace {

struct Record {
  std::vector<std::string> fields;
  std::size_t line = 0;  // where it begins
};

/// Takes one record off the front; nullopt at the end or when a quote never closes.
std::optional<Record> take_record(std::string_view& text, std::size_t& line) {
  if (text.empty()) return std::nullopt;
  Record record{.fields = {std::string{}}, .line = line};
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        record.fields.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        record.fields.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      record.fields.emplace_back();
    } else if (c == '\n') {
      ++i;
      break;
    } else if (c != '\r') {
      record.fields.back() += c;
    }
  }
  text.remove_prefix(i);
  if (quoted) return std::nullopt;
  return record;
}

std::optional<bool> truth(const std::string& text) {
  if (text == "1" || text == "true" || text == "True") return true;
  if (text == "0" || text == "false" || text == "False") return false;
  return std::nullopt;
}

std::unexpected<Error> wrong(std::size_t line, std::string_view what) {
  return fail(ErrorCode::invalid_request, fmt::format("line {}: {}", line, what));
}

}  // namespace

Result<std::vector<router::Verdict>> parse_verdicts(std::string_view text) {
  std::size_t line = 1;
  const auto head = take_record(text, line);
  if (!head) return wrong(1, "no head with the names of the columns");
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(head->fields, name) - head->fields.begin());
  };
  const std::size_t none = head->fields.size();
  const std::size_t prompt = column("prompt");
  const std::size_t weak = column("weak_correct");
  const std::size_t strong = column("strong_correct");
  const std::size_t subject = column("subject");
  if (prompt == none || weak == none || strong == none) {
    return wrong(1, "the columns prompt, weak_correct and strong_correct are needed");
  }
  std::vector<router::Verdict> rows;
  while (!text.empty()) {
    const std::size_t at = line;
    const auto record = take_record(text, line);
    if (!record) return wrong(at, "a quote is never closed");
    if (record->fields.size() == 1 && record->fields[0].empty()) continue;
    if (record->fields.size() != none) {
      return wrong(at, fmt::format("{} fields, the head has {}", record->fields.size(), none));
    }
    const auto weak_correct = truth(record->fields[weak]);
    const auto strong_correct = truth(record->fields[strong]);
    if (!weak_correct || !strong_correct) return wrong(at, "weak_correct and strong_correct must be 1 or 0");
    rows.push_back({.prompt = record->fields[prompt],
                    .weak_correct = *weak_correct,
                    .strong_correct = *strong_correct,
                    .subject = subject == none ? "" : record->fields[subject]});
  }
  if (rows.empty()) return wrong(line, "no rows");
  return rows;
}

Result<> check_subjects(const std::vector<router::Verdict>& rows) {
  std::set<std::string_view> subjects;
  for (const router::Verdict& row : rows) subjects.insert(row.subject);
  if (subjects.size() > 1) return {};
  return fail(ErrorCode::invalid_request,
              "--by subject holds out whole subjects, and the rows are all of one: the data needs a column \"subject\" "
              "with at least two of them");
}

}  // namespace hearth::cli
