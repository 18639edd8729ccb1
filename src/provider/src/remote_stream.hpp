// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "hearth/net/client.hpp"
#include "hearth/provider/provider.hpp"
#include "protocol.hpp"

namespace hearth::provider {

struct RemoteStreamOptions {
  std::string name;  // of the provider, for errors
  std::uint64_t max_bytes = 0;
  Deadline deadline;
  const std::atomic<bool>* ending = nullptr;  // the remote's, which outlives the stream
};

/// What is said of answers that end with the server: Remote::async_end().
Error stopping_error(const std::string& provider);

/// Pulls an answer's bytes through its decoder. A connection that breaks, bytes beyond the bound, a passed deadline and
/// the end of the remote end it with Failed, unless the answer is complete by then. Destroying it closes the connection
/// unless the answer was read to its end.
EventStreamPtr make_remote_stream(RemoteStreamOptions options, std::unique_ptr<net::ClientAnswer> answer,
                                  std::unique_ptr<AnswerDecoder> decoder);

}  // namespace hearth::provider
