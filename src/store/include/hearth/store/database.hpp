// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::store {

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;  // monostate: NULL
using Row = std::vector<Value>;
/// 0 and "" for values of another type.
std::int64_t integer_of(const Value& value);
std::string text_of(const Value& value);

/// One statement to run. `sql` must live forever (a literal): statements are prepared once.
struct Change {
  std::string_view sql;
  Row values;  // for ?1, ?2, …
};

/// One SQLite file in WAL mode and the one thread, `db`, that writes it. A lock file beside it keeps other processes
/// from writing; reading is open to all. Any thread.
class Database {
 public:
  struct Options {
    std::filesystem::path file;
    /// Steps of the schema, in order; each runs once in the life of a file. Never change one that was released.
    std::vector<std::string> migrations;
    std::size_t queue_max = 1U << 16;  // changes that wait
    /// How long the thread lets changes gather before it commits them together.
    std::chrono::milliseconds gather{10};
    /// Asked on `db` for more changes before each batch is committed, for those who can make fewer of many; see
    /// nudge(). All that it gave before is committed then: a batch that failed is tried again alone.
    std::function<void(std::deque<Change>&)> collect;
  };
  /// Blocks on files. conflict: another process has it open; unsupported: a newer version wrote it; corrupt_data.
  static Result<std::unique_ptr<Database>> open(Options options);
  /// What is committed in a file that perhaps another process writes. not_found without one.
  static Result<std::vector<Row>> read_file(const std::filesystem::path& file, const std::string& sql,
                                            const Row& values);
  /// Commits what was posted.
  virtual ~Database() = default;

  /// Runs on `db`, in the order of posting. False when the queue is full: the change is lost and the caller must say
  /// so.
  virtual bool post(Change change) = 0;
  /// There is something for Options::collect, to be asked after Options::gather or at once.
  enum class When : std::uint8_t { gathered, at_once };
  virtual void nudge(When when) = 0;
  /// Waits until everything that was posted or could be collected before is committed. False when that failed.
  virtual bool flush() = 0;
  /// What is committed, by a connection of its own. Blocks on files: not for io threads. internal: SQLite's own words.
  virtual Result<std::vector<Row>> read(const std::string& sql, const Row& values) const = 0;
};

}  // namespace hearth::store
