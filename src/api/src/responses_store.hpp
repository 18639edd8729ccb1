// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/inference/request.hpp"

namespace hearth::api {

/// A response as a later one continues it.
struct StoredResponse {
  std::string id;
  std::string body;                          // the response object, as GET answers it
  std::vector<inference::Message> messages;  // the conversation up to and with the answer, instructions left out
  std::string owner{};                       // the principal it was made for; others do not find it
};

/// Responses of /v1/responses, in memory, oldest out first. Bounded in number, bytes and age. Any thread: an immutable
/// snapshot that is swapped whole; look-ups are linear over at most max_responses ids.
class ResponseStore {
 public:
  struct Bounds {
    std::size_t max_responses;
    std::size_t max_bytes;
    std::chrono::seconds ttl;
  };
  explicit ResponseStore(Bounds bounds);

  /// A response larger than the whole bound is not kept.
  void put(StoredResponse response, Clock::time_point now);
  /// Null when it is not there, or not any more.
  std::shared_ptr<const StoredResponse> find(const std::string& id, std::string_view owner,
                                             Clock::time_point now) const;
  /// False when it is not there.
  bool erase(const std::string& id, std::string_view owner, Clock::time_point now);
  std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const StoredResponse> response;
    std::size_t bytes;
    Clock::time_point expires;
  };
  using Entries = std::vector<Entry>;  // oldest first

  Bounds bounds_;
  std::atomic<std::shared_ptr<const Entries>> entries_;
};

}  // namespace hearth::api
