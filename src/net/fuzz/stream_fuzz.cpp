// SPDX-License-Identifier: Apache-2.0
// What another server streams: SSE and NDJSON, whole and cut in two at a place that the first byte chooses.
#include <cstdint>
#include <cstdlib>

#include "hearth/net/client.hpp"
#include "hearth/net/ndjson.hpp"
#include "hearth/net/sse.hpp"

namespace {

using namespace hearth::net;

constexpr std::size_t kMaxLine = 64;
constexpr std::size_t kMaxData = 256;

std::string shown(const std::vector<SseEvent>& events) {
  std::string out;
  for (const auto& event : events) out += event.type + "\x1F" + event.data + "\x1F" + event.id + "\x1E";
  return out;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void fuzz_sse(std::string_view bytes, std::size_t cut) {
  SseParser whole{kMaxLine, kMaxData};
  const auto all = whole.feed(bytes);
  SseParser parts{kMaxLine, kMaxData};
  const auto first = parts.feed(bytes.substr(0, cut));
  if (!first) return require(!all.has_value());
  const auto second = parts.feed(bytes.substr(cut));
  require(all.has_value() == second.has_value());
  if (all) require(shown(*all) == shown(*first) + shown(*second));
}

void fuzz_ndjson(std::string_view bytes, std::size_t cut) {
  NdjsonSplitter whole{kMaxLine};
  const auto all = whole.feed(bytes);
  NdjsonSplitter parts{kMaxLine};
  auto first = parts.feed(bytes.substr(0, cut));
  if (!first) return require(!all.has_value());
  const auto second = parts.feed(bytes.substr(cut));
  require(all.has_value() == second.has_value());
  if (!all) return;
  first->insert(first->end(), second->begin(), second->end());
  require(*all == *first && whole.finish() == parts.finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t cut = data[0] % (bytes.size() + 1);
  fuzz_sse(bytes, cut);
  fuzz_ndjson(bytes, cut);
  if (const auto url = Url::parse(bytes)) require(url->text() == Url::parse(url->text())->text());
  return 0;
}
