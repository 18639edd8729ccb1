// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <optional>

#include "chain.hpp"
#include "head.hpp"
#include "hearth/audit/audit_log.hpp"

namespace hearth::audit {
namespace {

/// Walks the lines in their order and remembers what has to fit.
class Walk {
 public:
  explicit Walk(std::optional<Head> head) : head_{std::move(head)} {}

  Result<> take(const std::filesystem::path& file, std::size_t number, const std::string& line) {
    const auto wrong = [&](std::string_view what) {
      return fail(ErrorCode::corrupt_data, fmt::format("{}:{}: {}", file.string(), number, what));
    };
    const auto link = parse(line);
    if (!link) return wrong("is no record");
    if (verdict_.records == 0) {
      verdict_.first = link->seq;
      first_prev_ = link->prev;
      if (link->seq == 0 || (link->seq == 1 && link->prev != kGenesis)) return wrong("is no beginning of a chain");
    } else if (link->seq != verdict_.last + 1) {
      return wrong(fmt::format("record {} follows {}: some are missing or were moved", link->seq, verdict_.last));
    } else if (link->prev != hash_) {
      return wrong(fmt::format("record {} was changed, or the one after it", verdict_.last));
    }
    if (link->pruned_first == verdict_.first && link->pruned_before == first_prev_) pruning_is_told_ = true;
    hash_ = hash_of(line);
    verdict_.last = link->seq;
    ++verdict_.records;
    if (head_ && link->seq == head_->seq && hash_ != head_->hash) return wrong("is not the record that was signed");
    return {};
  }

  Result<Verdict> finish(const std::filesystem::path& home, bool unfinished) {
    const auto wrong = [&](std::string what) {
      return fail(ErrorCode::corrupt_data, fmt::format("{}: {}", folder_of(home).string(), std::move(what)));
    };
    if (!head_) return wrong("head.json is missing");
    if (verdict_.last < head_->seq) {
      return wrong(fmt::format("the chain ends with record {}, but record {} was signed: the end was cut off",
                               verdict_.last, head_->seq));
    }
    if (verdict_.first > 1 && !pruning_is_told_) {
      return wrong(fmt::format("the chain begins with record {}, and no record says that those before were pruned",
                               verdict_.first));
    }
    verdict_.pruned = verdict_.first > 1 ? verdict_.first - 1 : 0;
    verdict_.unsigned_ = verdict_.last - head_->seq;
    verdict_.unfinished = unfinished;
    return verdict_;
  }

 private:
  const std::optional<Head> head_;
  Verdict verdict_;
  std::string hash_;
  std::string first_prev_;
  bool pruning_is_told_ = false;
};

using Segments = std::vector<std::pair<std::uint64_t, std::filesystem::path>>;
using OnLine = std::function<Result<>(const std::filesystem::path& file, std::size_t number, const std::string& line)>;

/// True when the last line of all has no end; any other that has none is given out as it is.
Result<bool> each_line(const Segments& segments, const OnLine& on_line) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& [first, file] = segments[i];
    std::ifstream in{file, std::ios::binary};
    if (!in) return fail(ErrorCode::internal, fmt::format("{} cannot be read", file.string()));
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      if (in.eof() && i + 1 == segments.size()) return true;
      HEARTH_CHECKED(on_line(file, number, line));
    }
  }
  return false;
}

}  // namespace

Result<> read(const std::filesystem::path& home, const std::function<Result<>(std::string_view line)>& on_line) {
  const auto each = [&](const std::filesystem::path&, std::size_t, const std::string& line) { return on_line(line); };
  HEARTH_CHECKED(each_line(segments_of(home), each));
  return {};
}

Result<Verdict> verify(const std::filesystem::path& home) {
  const auto segments = segments_of(home);
  HEARTH_TRY(const std::optional<Head> head, read_head(home));
  if (segments.empty() && !head) {
    return fail(ErrorCode::not_found, fmt::format("there is no audit log in {}", home.string()));
  }
  Walk walk{head};
  HEARTH_TRY(const bool unfinished,
             each_line(segments, [&](const std::filesystem::path& file, std::size_t number, const std::string& line) {
               return walk.take(file, number, line);
             }));
  return walk.finish(home, unfinished);
}

}  // namespace hearth::audit
