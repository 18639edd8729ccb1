// SPDX-License-Identifier: Apache-2.0
#include "statements.hpp"

#include <string>

namespace hearth::store {
namespace {

struct Bind {
  SQLite::Statement& statement;
  int place;
  void operator()(std::monostate /*null*/) const { statement.bind(place); }
  template <class T>
  void operator()(const T& value) const {
    statement.bind(place, value);
  }
};

}  // namespace

std::int64_t integer_of(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

std::string text_of(const Value& value) {
  const auto* words = std::get_if<std::string>(&value);
  return words == nullptr ? std::string{} : *words;
}

void bind(SQLite::Statement& statement, const Row& values) {
  int place = 0;
  for (const Value& value : values) std::visit(Bind{statement, ++place}, value);
}

Row row_of(SQLite::Statement& statement) {
  Row row;
  for (int i = 0; i < statement.getColumnCount(); ++i) {
    const SQLite::Column column = statement.getColumn(i);
    if (column.isNull()) {
      row.emplace_back();
    } else if (column.isInteger()) {
      row.emplace_back(std::int64_t{column.getInt64()});
    } else if (column.isFloat()) {
      row.emplace_back(column.getDouble());
    } else {
      row.emplace_back(column.getString());
    }
  }
  return row;
}

void Statements::run(const Change& change) {
  auto& statement = prepared_[change.sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(database_, std::string{change.sql});
  statement->reset();
  bind(*statement, change.values);
  statement->exec();
}

}  // namespace hearth::store
