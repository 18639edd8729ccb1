// SPDX-License-Identifier: Apache-2.0
#include "client_pool.hpp"

#include <algorithm>

namespace hearth::net {

std::unique_ptr<ClientStream> ClientPool::take(const std::string& origin, Clock::time_point now) {
  while (!idle_.empty() && now - idle_.front().since > kMaxAge) idle_.pop_front();
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i].origin != origin) continue;
    auto stream = std::move(idle_[i].stream);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!stream->is_fresh()) continue;
    stream->reused = true;
    return stream;
  }
  return nullptr;
}

void ClientPool::put(std::string origin, std::unique_ptr<ClientStream> stream, Clock::time_point now) {
  const auto of_origin = std::ranges::count(idle_, origin, &Idle::origin);
  if (static_cast<std::size_t>(of_origin) >= max_per_origin_) return;
  if (idle_.size() >= kMaxIdle) idle_.pop_front();
  stream->expires(Deadline{});
  idle_.push_back({std::move(origin), std::move(stream), now});
}

}  // namespace hearth::net
