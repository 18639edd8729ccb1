// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/async/blocking_pool.hpp"
#include "hearth/base/error.hpp"
#include "hearth/identity/authenticator.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/models/store.hpp"
#include "hearth/net/http.hpp"
#include "hearth/provider/provider.hpp"
#include "hearth/router/router.hpp"

/// The client APIs: OpenAI, Anthropic, Ollama and llama-server's own, over one engine and one store.
/// JSON becomes native types here and nowhere below.
namespace hearth::api {

/// What one request came to: for the request log and the metrics. Never content.
struct RequestRecord {
  std::string id;  // "req_…", also the x-request-id header
  std::string method;
  std::string route;  // the pattern, "/v1/models/{id*}"; "-" when none matched: bounded, so fit for a metric label
  std::string model;  // as the client named it; empty where a route has none
  std::string principal;
  int status = 0;  // 0: the client was gone before an answer began; 499: before it ended
  bool streamed = false;
  std::optional<ErrorCode> error;
  std::chrono::nanoseconds duration{};
  std::optional<std::chrono::nanoseconds> first_token;  // from the request's arrival
  inference::Usage usage;                               // of all choices
  inference::Timings timings;                           // of the choice that finished last
};

/// Bounds of this module; each has a test that hits it.
struct Limits {
  std::uint64_t max_body_bytes = 64ULL * 1024 * 1024;
  std::uint64_t max_blob_bytes = 512ULL * 1024 * 1024 * 1024;  // POST /api/blobs/:digest
  std::chrono::milliseconds keep_alive{15'000};                // silence on a stream before a comment is sent
  std::size_t max_responses = 1'000;                           // stored for previous_response_id; the oldest goes
  std::size_t max_response_bytes = 64ULL * 1024 * 1024;        // of all stored responses together
  std::chrono::seconds response_ttl{std::chrono::hours{24}};
};

/// What the routes need. References and hooks must outlive every handler call. Hooks are called on io threads.
struct Services {
  provider::Local& engine;
  models::Store& store;
  router::Router* router = nullptr;                        // unset: every model is one of this machine
  const router::Ledger* ledger = nullptr;                  // unset: /admin/ledger is a 404
  std::string version;                                     // of Hearth: /api/version, system_fingerprint
  std::function<std::string()> metrics_text{};             // GET /metrics, Prometheus text format; unset: 404
  std::function<bool()> draining{};                        // true: /health says 503, new work is refused
  std::function<void(const RequestRecord&)> on_request{};  // once a request, after its answer ended
  /// Unset: everybody is let in, as nobody in particular, and only peers on loopback may change the store (pull, push,
  /// create, copy, delete, blobs) and see /admin. Set: a key must grant each of these. Outlives the handlers.
  const identity::Authenticator* auth = nullptr;
  /// Where /api/show reads GGUF headers. Unset: it tells what the manifest has.
  async::BlockingPool* files = nullptr;
  /// The server listens on loopback only: Host and Origin must be loopback too (DNS rebinding, cross-site requests).
  bool loopback = true;
  Limits limits{};
};

/// Every route. Copies of the handler share one state; any io thread.
net::Handler make_handler(Services services);

/// Blob uploads are spooled to a file of store.spool_folder(); every other body is bounded by max_body_bytes.
net::BodyPlanner make_body_planner(Services services);

/// For net::ServerOptions::render_error: errors the server answers itself, in the style of the path's API.
std::pair<net::Headers, std::string> render_error(const Error& error, std::string_view path);

}  // namespace hearth::api
