// SPDX-License-Identifier: Apache-2.0
#include "download.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <utility>

#include "backoff.hpp"
#include "hearth/base/id.hpp"

namespace hearth::models {
namespace {

constexpr std::chrono::milliseconds kMeterPeriod{100};
constexpr std::size_t kWholeBuffer = 1U << 20;
constexpr std::uint64_t kSizeMax = 1ULL << 50;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > kSizeMax) return std::nullopt;
  return value;
}

std::string text_of(const net::Headers& headers, std::string_view name) {
  return std::string{headers.get(name).value_or("")};
}

// The first answer of a worker's cancellation is "cancelled"; what the user needs to read is why.
Task<> async_join_all(async::TaskGroup& group) {
  std::exception_ptr cancelled;
  try {
    co_await group.async_join();
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  // We were cancelled while ranges run that use our frame: stop them and wait, deaf to further cancellation.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  group.cancel();
  co_await group.async_join();
  std::rethrow_exception(cancelled);
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  constexpr std::string_view kUnit = "bytes ";
  const auto dash = value.find('-');
  const auto slash = value.find('/');
  if (!value.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto begin = number(value.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = number(value.substr(dash + 1, slash - dash - 1));
  const auto size = number(value.substr(slash + 1));
  if (!begin || !last || !size || *begin > *last || *last >= *size) return std::nullopt;
  return ContentRange{*begin, *last, *size};
}

Meter::Meter(const OnProgress& progress, const Source& source) : progress_{progress} {
  line_.status = fmt::format("pulling {}", source.key.substr(0, 12));
  if (!source.sha256.empty()) line_.digest = with_algorithm(source.sha256);
  line_.total = source.size.value_or(0);
}

void Meter::add(std::int64_t bytes) {
  line_.completed += static_cast<std::uint64_t>(bytes);
  const auto now = Clock::now();
  if (now - shown_ < kMeterPeriod) return;
  shown_ = now;
  flush();
}

void Meter::flush() const {
  if (progress_) progress_(line_);
}

struct Download::Range {
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
};

Download::Download(StoreContext& context, Web& web, Source source, PartialFile& file, const OnProgress& progress)
    : context_{context}, web_{web}, source_{std::move(source)}, file_{file}, meter_{progress, source_} {}

bool Download::may_try_again(const Error& error, unsigned attempt) const {
  return worth_retrying(error.code) && attempt < context_.options.max_retries;
}

Task<Result<>> Download::async_run() {
  HEARTH_CO_CHECKED(co_await async_aim());
  auto begin = [this] { return file_.begin(target_.size, context_.options.range_bytes, target_.validator); };
  HEARTH_CO_CHECKED(co_await context_.pool.async_run(std::move(begin)));
  resumed_ = file_.state().bytes_done() > 0;
  meter_.set_total(target_.size);
  meter_.add(static_cast<std::int64_t>(file_.state().bytes_done()));
  auto filled = target_.ranges ? co_await async_fill_ranges() : co_await async_whole();
  meter_.flush();
  co_return filled;
}

// Finds out where the bytes are. A small file of known size is one request: asking first would double the work.
Task<Result<>> Download::async_aim() {
  target_.url = source_.url;
  if (source_.size && *source_.size <= context_.options.range_bytes) {
    target_.size = *source_.size;
    target_.ranges = true;  // one range that is the whole file; see request_for
    co_return Result<>{};
  }
  for (unsigned attempt = 0;; ++attempt) {
    auto probed = co_await async_probe();
    if (probed) {
      target_ = *std::move(probed);
      break;
    }
    if (!may_try_again(probed.error(), attempt)) co_return fail(std::move(probed).error());
    co_await web_.async_back_off(attempt);
  }
  if (source_.size && target_.size != *source_.size) {
    co_return fail(ErrorCode::corrupt_data, fmt::format("{} serves {} bytes for sha256:{}, the manifest says {}",
                                                        target_.url.host, target_.size, source_.sha256, *source_.size));
  }
  // The digest of a blob says which version it is; other files go by what the server says, or cannot be resumed.
  if (!source_.sha256.empty()) target_.validator.clear();
  if (source_.sha256.empty() && target_.validator.empty()) target_.validator = random_id("unknown-");
  co_return Result<>{};
}

Task<Result<Download::Target>> Download::async_probe() {
  net::ClientRequest request;
  request.url = source_.url;
  request.headers.set("Range", "bytes=0-0");
  Target found;
  std::optional<Error> odd;
  net::OnHead head = [&](const net::ClientResponse& response) -> Result<> {
    found.validator = text_of(response.headers, "etag");
    if (found.validator.empty()) found.validator = text_of(response.headers, "last-modified");
    if (response.status == 206) {
      const auto range = parse_content_range(text_of(response.headers, "content-range"));
      if (!range) return fail(ErrorCode::upstream_error, "the server answers a range without saying which");
      found.size = range->size;
      found.ranges = true;
      return {};
    }
    const auto length = number(text_of(response.headers, "content-length"));
    if (!length && !source_.size) {
      odd = Error{ErrorCode::unsupported, "the server does not say how large the file is", {}, {}};
    } else {
      found.size = length ? *length : *source_.size;
    }
    return fail(ErrorCode::cancelled, "the whole file is not wanted yet");
  };
  net::OnBody ignore = [](std::string_view) -> Result<> { return {}; };
  auto response = co_await web_.async_stream(std::move(request), std::move(head), std::move(ignore));
  if (odd) co_return fail(*std::move(odd));
  if (!response) {
    if (response.error().code != ErrorCode::cancelled) co_return fail(std::move(response).error());
    found.url = source_.url;
    co_return found;
  }
  if (!is_success(response->status)) co_return fail(status_error(*response, source_.url, "fetching the file"));
  found.url = response->final_url;
  co_return found;
}

Task<Result<>> Download::async_fill_ranges() {
  async::TaskGroup group{co_await asio::this_coro::executor, context_.options.parallel_ranges};
  group_ = &group;
  for (std::size_t i = 0; i < context_.options.parallel_ranges && i < file_.state().done.size(); ++i) {
    group.spawn("range", async_worker());
  }
  co_await async_join_all(group);
  group_ = nullptr;
  if (error_) co_return fail(*std::exchange(error_, std::nullopt));
  co_return Result<>{};
}

Task<> Download::async_worker() {
  while (!error_) {
    const auto& done = file_.state().done;
    while (next_ < done.size() && done[next_]) ++next_;
    if (next_ == done.size()) co_return;
    const auto index = next_++;
    auto filled = co_await async_range(index);
    if (filled) continue;
    if (!error_) error_ = std::move(filled).error();
    group_->cancel();
  }
}

Task<Result<>> Download::async_range(std::size_t index) {
  for (unsigned attempt = 0;; ++attempt) {
    auto filled = co_await async_range_once(index);
    if (filled) co_return filled;
    const auto code = filled.error().code;
    // The address behind the redirect was signed for a while only: ask for a new one.
    const bool expired =
        target_.url.text() != source_.url.text() &&
        (code == ErrorCode::unauthenticated || code == ErrorCode::forbidden || code == ErrorCode::not_found) &&
        attempt < context_.options.max_retries;
    if (!expired && !may_try_again(filled.error(), attempt)) co_return filled;
    co_await web_.async_back_off(attempt);
    if (!expired) continue;
    auto probed = co_await async_probe();
    if (probed && probed->ranges && probed->size == target_.size) target_.url = probed->url;
  }
}

net::ClientRequest Download::request_for(const Range& range) const {
  net::ClientRequest request;
  request.url = target_.url;
  if (range.length != target_.size) {
    request.headers.set("Range", fmt::format("bytes={}-{}", range.begin, range.begin + range.length - 1));
  }
  return request;
}

Task<Result<>> Download::async_range_once(std::size_t index) {
  const Range range{file_.state().offset_of(index), file_.state().length_of(index)};
  const bool partial = range.length != target_.size;
  std::string bytes;
  const auto forget = [&] {
    meter_.add(-static_cast<std::int64_t>(bytes.size()));
    bytes.clear();
  };
  net::OnHead head = [&](const net::ClientResponse& response) -> Result<> {
    forget();  // the client may have sent the request a second time
    if (!partial) return {};
    const auto got = parse_content_range(text_of(response.headers, "content-range"));
    if (response.status != 206 || !got || got->begin != range.begin || got->last != range.begin + range.length - 1 ||
        got->size != target_.size) {
      return fail(ErrorCode::upstream_error, "the server answers with another range than the one asked for");
    }
    return {};
  };
  net::OnBody body = [&](std::string_view piece) -> Result<> {
    if (bytes.size() + piece.size() > range.length) {
      return fail(ErrorCode::upstream_error, "the server sends more bytes than it was asked for");
    }
    bytes += piece;
    meter_.add(static_cast<std::int64_t>(piece.size()));
    return {};
  };
  auto response = co_await web_.async_stream(request_for(range), std::move(head), std::move(body));
  std::optional<Error> error;
  if (!response) {
    error = std::move(response).error();
  } else if (!is_success(response->status)) {
    error = status_error(*response, target_.url, "fetching a part of the file");
  } else if (bytes.size() != range.length) {
    error = Error{ErrorCode::upstream_error,
                  fmt::format("{} sent {} of {} bytes", target_.url.host, bytes.size(), range.length),
                  {},
                  {}};
  }
  if (error) {
    forget();
    co_return fail(*std::move(error));
  }
  auto write = [&] { return file_.write_range(index, bytes); };
  HEARTH_CO_CHECKED(co_await context_.pool.async_run(std::move(write)));
  file_.mark_done(index);
  co_return Result<>{};
}

Task<Result<>> Download::async_whole() {
  if (file_.state().complete()) co_return Result<>{};
  for (unsigned attempt = 0;; ++attempt) {
    auto filled = co_await async_whole_once();
    if (filled || !may_try_again(filled.error(), attempt)) co_return filled;
    co_await web_.async_back_off(attempt);
  }
}

Task<Result<>> Download::async_whole_once() {
  std::string buffer;
  std::uint64_t received = 0;
  // Straight to the file from the io thread: the body has no back-pressure, so it could not be kept in memory while
  // another thread writes. 1 MB into the page cache; only servers without ranges get here.
  const auto flush = [&]() -> Result<> {
    HEARTH_CHECKED(file_.write_bytes(buffer, received - buffer.size()));
    buffer.clear();
    return {};
  };
  net::OnHead head = [&](const net::ClientResponse&) -> Result<> {
    meter_.add(-static_cast<std::int64_t>(received));
    buffer.clear();
    received = 0;
    return {};
  };
  net::OnBody body = [&](std::string_view piece) -> Result<> {
    received += piece.size();
    if (received > target_.size) return fail(ErrorCode::upstream_error, "the server sends more bytes than it said");
    buffer += piece;
    meter_.add(static_cast<std::int64_t>(piece.size()));
    return buffer.size() < kWholeBuffer ? Result<>{} : flush();
  };
  net::ClientRequest request;
  request.url = source_.url;
  auto response = co_await web_.async_stream(std::move(request), std::move(head), std::move(body));
  std::optional<Error> error;
  if (!response) {
    error = std::move(response).error();
  } else if (!is_success(response->status)) {
    error = status_error(*response, source_.url, "fetching the file");
  } else if (received != target_.size) {
    error = Error{ErrorCode::upstream_error,
                  fmt::format("{} sent {} of {} bytes", source_.url.host, received, target_.size),
                  {},
                  {}};
  }
  if (error) {
    meter_.add(-static_cast<std::int64_t>(received));
    co_return fail(*std::move(error));
  }
  auto finish = [&]() -> Result<> {
    HEARTH_CHECKED(flush());
    return file_.mark_all_done();
  };
  co_return co_await context_.pool.async_run(std::move(finish));
}

}  // namespace hearth::models
