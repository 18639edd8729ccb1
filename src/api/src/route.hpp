// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error_render.hpp"
#include "hearth/api/api.hpp"
#include "json_reader.hpp"
#include "stream_source.hpp"

namespace hearth::api {

class Call;

/// Answers one call. An error before the answer began is rendered by the dispatcher in the route's family; an error
/// after it means the client is gone or has been told already.
using RouteHandler = Task<Result<>> (*)(Call& call);

struct Route {
  std::string_view method;
  std::string_view pattern;  // at most one "{name}" (one segment, not empty) or "{name*}" (the rest, slashes and all)
  Family family;
  RouteHandler handler;
};

/// What `path` has in the place of the braces ("" for patterns without), or nullopt.
std::optional<std::string_view> match_pattern(std::string_view pattern, std::string_view path) noexcept;

/// The table entry for a request. HEAD is answered by the GET route unless it has one of its own.
struct RouteMatch {
  const Route* route = nullptr;
  std::string_view argument;
};
Result<RouteMatch> find_route(std::span<const Route> table, std::string_view method, std::string_view path);
/// "GET, HEAD, POST": of every route of this path; empty when there is none.
std::string allowed_methods(std::span<const Route> table, std::string_view path);

class ResponseStore;

/// "local/small" is the model that the store and the engine call "small".
std::string_view local_name(std::string_view model) noexcept;

/// What all calls of one handler share.
struct Shared {
  explicit Shared(Services s);
  ~Shared();
  Services services;
  std::unique_ptr<ResponseStore> responses;  // of /v1/responses
};

/// One request on its way through a handler. Lives in the dispatcher's frame; that connection's coroutine only.
class Call {
 public:
  Call(std::shared_ptr<Shared> shared, net::Request& request, net::Responder& responder, RouteMatch match,
       Family family);

  const net::Request& request() const noexcept { return request_; }
  /// What stood in the place of the pattern's braces.
  const std::string& argument() const noexcept { return argument_; }
  /// What only this machine's models can do: tokens, templates, loading.
  provider::Local& engine() const noexcept { return shared_->services.engine; }
  /// What answers: the router if there is one.
  provider::Provider& inference() const noexcept;
  /// Null without routing.
  router::Router* router() const noexcept { return shared_->services.router; }
  /// May who asks use this route or model, named as clients do? True without keys. Lists show nothing else.
  bool is_granted(std::string_view model) const;
  /// The same of a model of this machine, as the store and the engine name it.
  bool is_granted_here(std::string_view model) const;
  /// `model` is a route, or a model at a remote provider: this machine's engine knows nothing of it.
  bool is_elsewhere(std::string_view model) const;
  models::Store& store() const noexcept { return shared_->services.store; }
  Shared& shared() const noexcept { return *shared_; }
  const Limits& limits() const noexcept { return shared_->services.limits; }
  Family family() const noexcept { return family_; }
  const std::string& id() const noexcept { return record_.id; }  // "req_…"
  RequestRecord& record() noexcept { return record_; }
  const RequestRecord& record() const noexcept { return record_; }
  Clock::time_point arrived() const noexcept { return arrived_; }

  /// The body, parsed.
  Result<JsonDocument> json() const { return JsonDocument::parse(request_.body); }
  /// Where keys are demanded: who asks, and that it may use a route of this pattern once more now.
  Result<> authenticate(std::string_view pattern);
  /// Where keys are demanded, null before authenticate(): else always null.
  const identity::Caller* caller() const noexcept { return caller_ ? &*caller_ : nullptr; }
  /// Who asks, and with which wishes, after choose_model(); a handler adds keep_alive and context.
  provider::RequestContext context() const;
  /// The model that this request names, or the default one when it names none. Goes into the headers and the record.
  /// Also reads the x-hearth-* headers: invalid_request names one that is wrong.
  Result<std::string> choose_model(std::string name);
  /// choose_model() for what this machine does itself, past the router: forbidden if the key does not grant that model.
  Result<std::string> choose_local_model(std::string name);
  /// forbidden unless is_granted_here(), for a name as clients write it.
  Result<> check_local(std::string_view model) const;
  /// Lets servers that speak the client's protocol have the body as it is, where `chat.model` may be at one; it is
  /// taken out of the request. Fails with `beyond` where none can be. After choose_model().
  Result<> allow_verbatim(inference::ChatRequest& chat, inference::Wire wire, std::optional<Error> beyond,
                          std::initializer_list<std::string_view> headers = {});
  /// Something was left out or replaced: said in x-hearth-degraded, each once. Before the answer begins.
  void degraded(const std::string& what);
  /// What the streams of this answer say of themselves: what is degraded, and where they come from.
  void note(std::span<const StreamSource> sources);

  // The three ways to answer. Each adds the standard headers and notes the status.
  Task<Result<>> async_send(int status, std::string content_type, std::string body);
  Task<Result<>> async_send_json(std::string body) { return async_send(200, "application/json", std::move(body)); }
  Task<Result<>> async_send_error(Error error);
  /// Begins a streamed answer; go on with responder().write() and finish().
  Task<Result<>> async_start(std::string content_type);
  net::Responder& responder() noexcept { return responder_; }

  /// Counts a choice's end into the record.
  void note(const inference::Event& event);

 private:
  net::Headers headers(std::string_view content_type) const;

  std::shared_ptr<Shared> shared_;
  net::Request& request_;
  net::Responder& responder_;
  std::string argument_;
  Family family_;
  Clock::time_point arrived_ = Clock::now();
  std::optional<identity::Caller> caller_;
  provider::RequestContext wishes_;
  std::string target_;
  std::string zone_ = "device";
  std::string decision_;
  bool cached_ = false;
  std::optional<double> confidence_;
  std::vector<std::string> degraded_;
  RequestRecord record_;
};

}  // namespace hearth::api
