// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <memory>
#include <string_view>

#include "hearth/store/database.hpp"

namespace hearth::store {

void bind(SQLite::Statement& statement, const Row& values);
Row row_of(SQLite::Statement& statement);

/// Statements of one connection, prepared once. The connection's thread only; SQLite::Exception on errors.
class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_{database} {}
  void run(const Change& change);

 private:
  SQLite::Database& database_;
  std::map<std::string_view, std::unique_ptr<SQLite::Statement>> prepared_;
};

}  // namespace hearth::store
