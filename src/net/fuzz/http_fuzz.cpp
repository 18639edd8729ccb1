// SPDX-License-Identifier: Apache-2.0
// What a stranger sends first: the head check and the chunked decoder, on the same bytes.
#include <cstdint>
#include <cstdlib>

#include "chunked_decoder.hpp"
#include "head_check.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void fuzz_head(std::string_view bytes) {
  using namespace hearth::net;
  const HeadEnd end = find_head_end(bytes, 0);
  if (end.state != HeadEnd::State::complete) return;
  const auto head = check_head(bytes.substr(0, end.size), HeadLimits{});
  if (!head) return;
  // Whatever is let through has one meaning.
  require(!(head->headers.get("Content-Length") && head->headers.get("Transfer-Encoding")));
  require(head->target.path.starts_with('/') || head->target.path == "*");
  require(head->target.path.find('\0') == std::string::npos);
  require((head->target.path + '/').find("/../") == std::string::npos);
  for (const auto& [name, value] : head->headers.fields()) {
    require(!name.empty() && value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos);
  }
}

// The decoder hands out neither more than its bound nor more than it was given.
void fuzz_chunks(std::string_view bytes) {
  using hearth::net::ChunkedDecoder;
  constexpr std::uint64_t kMaxBody = 1000;
  ChunkedDecoder decoder{kMaxBody};
  std::uint64_t total = 0;
  while (!decoder.done()) {
    const auto step = decoder.next(bytes);
    if (!step || step->consumed == 0) return;
    require(step->consumed <= bytes.size());
    total += step->data.size();
    require(total <= kMaxBody);
    bytes.remove_prefix(step->consumed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  fuzz_head(bytes);
  fuzz_chunks(bytes);
  return 0;
}
