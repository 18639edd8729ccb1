// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "hearth/async/asio.hpp"
#include "hearth/identity/token.hpp"

namespace hearth::app {

/// Fetches the issuer's keys at once, every five minutes, and soon after a token named one that is not among them;
/// until it is cancelled. A failure is logged and leaves the keys that there are. Without TLS only an issuer on this
/// machine is asked.
Task<> async_watch_issuer(std::shared_ptr<identity::TokenVerifier> tokens);

}  // namespace hearth::app
