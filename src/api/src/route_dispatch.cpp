// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "hearth/api/api.hpp"
#include "hearth/base/id.hpp"
#include "hearth/base/log.hpp"
#include "management.hpp"
#include "route.hpp"
#include "route_caller.hpp"
#include "route_origin.hpp"
#include "route_table.hpp"

namespace hearth::api {
namespace {

constexpr std::chrono::seconds kDrainRetry{5};

Task<Result<>> async_preflight(Call& call, const std::string& allow) {
  net::Headers headers;
  add_origin_headers(headers, call.request());
  headers.add("Allow", allow + ", OPTIONS");
  headers.add("Access-Control-Allow-Methods", allow + ", OPTIONS");
  const auto wanted = call.request().headers.get("Access-Control-Request-Headers");
  headers.add("Access-Control-Allow-Headers", wanted ? std::string{*wanted} : "Authorization, Content-Type");
  headers.add("Access-Control-Max-Age", "3600");
  call.record().status = 204;
  co_return co_await call.responder().send(204, std::move(headers), {});
}

Task<Result<>> async_not_allowed(Call& call, std::string allow) {
  Error error{ErrorCode::invalid_request,
              fmt::format("{} takes {}, not {}", call.request().path, allow, call.request().method),
              {},
              {}};
  net::Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("Allow", std::move(allow));
  headers.add("x-request-id", call.id());
  add_origin_headers(headers, call.request());
  call.record().status = 405;
  call.record().error = error.code;
  std::string body = error_body(call.family(), error, call.id());
  co_return co_await call.responder().send(405, std::move(headers), std::move(body));
}

/// Everything but the record: errors before an answer has begun are returned.
Task<Result<>> async_answer(Call& call, const Result<RouteMatch>& match) {
  if (call.shared().services.loopback) HEARTH_CO_CHECKED(check_origin(call.request()));
  if (!match) {
    std::string allow = allowed_methods(kRoutes, call.request().path);
    if (allow.empty()) co_return hearth::fail(match.error());
    if (call.request().method == "OPTIONS") co_return co_await async_preflight(call, allow);
    co_return co_await async_not_allowed(call, std::move(allow));
  }
  HEARTH_CO_CHECKED(call.authenticate(match->route->pattern));
  const auto& draining = call.shared().services.draining;
  if (call.request().method == "POST" && draining && draining()) {
    co_return hearth::fail(
        Error{ErrorCode::unavailable, "the server is shutting down; try again in a moment", {}, kDrainRetry});
  }
  co_return co_await match->route->handler(call);
}

/// Parallel coroutines that were cancelled together throw the exceptions of all of them as one.
bool is_cancellation(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (const asio::multiple_exceptions& e) {
    return is_cancellation(e.first_exception());
  } catch (...) {
    return false;
  }
}

Task<Result<>> async_answer_or_error(Call& call, const Result<RouteMatch>& match) {
  std::string reason;
  try {
    co_return co_await async_answer(call, match);
  } catch (const std::exception& e) {
    if (is_cancellation(std::current_exception())) throw;  // the client is gone; net ends the connection
    reason = e.what();
  }
  log::error("api.handler_failed", {{"id", call.id()}, {"route", call.record().route}, {"reason", reason}});
  co_return hearth::fail(ErrorCode::internal,
                         fmt::format("the server failed on this request; its log has {}", call.id()));
}

/// Reports the record when the handler ends in whatever way, cancellation included.
class Report {
 public:
  explicit Report(Call& call) : call_{call} {}
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  ~Report() {
    RequestRecord& record = call_.record();
    const Clock::time_point now = Clock::now();
    record.duration = now - call_.arrived();
    if (call_.caller() != nullptr) {
      call_.caller()->spent(record.usage.prompt_tokens + record.usage.completion_tokens, now);
    }
    if (!ended) {
      record.status = record.status == 0 ? 0 : 499;
      record.error = ErrorCode::cancelled;
    }
    const auto& hook = call_.shared().services.on_request;
    if (hook) hook(record);
  }
  bool ended = false;

 private:
  Call& call_;
};

/// OpenAI's, Anthropic's and Google's clients ask for models on the same paths; the latter two say so.
Family family_of(const Result<RouteMatch>& match, const net::Request& request) {
  const Family family = match ? match->route->family : family_of_path(request.path);
  const bool shared = family == Family::openai && request.path.starts_with("/v1/models");
  if (!shared) return family;
  if (request.headers.get("anthropic-version")) return Family::anthropic;
  return request.headers.get("x-goog-api-client") || request.headers.get("x-goog-api-key") ? Family::gemini : family;
}

Task<> async_handle(std::shared_ptr<Shared> shared, net::Request& request, net::Responder& responder) {
  const Result<RouteMatch> match = find_route(kRoutes, request.method, request.path);
  Call call{shared, request, responder, match ? *match : RouteMatch{}, family_of(match, request)};
  Report report{call};
  Result<> done = co_await async_answer_or_error(call, match);
  if (!done && !responder.started()) {
    Error error = std::move(done).error();
    done = co_await call.async_send_error(std::move(error));
  }
  report.ended = done.has_value();
}

}  // namespace

net::Handler make_handler(Services services) {
  auto shared = std::make_shared<Shared>(std::move(services));
  return
      [shared](net::Request& request, net::Responder& responder) { return async_handle(shared, request, responder); };
}

namespace {

/// A request that never reaches a handler. Who is slowed down already fills no log.
void report_refused(const Services& services, const net::Request& head, std::string_view pattern, ErrorCode code) {
  if (!services.on_request || code == ErrorCode::rate_limited) return;
  RequestRecord record;
  record.id = random_id("req_");
  record.method = head.method;
  record.route = pattern;
  record.principal = "anonymous";
  record.status = traits(code).http_status;
  record.error = code;
  services.on_request(record);
}

/// The key alone has what this route asks for.
Result<> check_key(const Services& services, const net::Request& head) {
  const auto match = find_route(kRoutes, head.method, head.path);
  const auto scope = match ? scope_of(head.method, match->route->pattern) : std::nullopt;
  if (!scope) return {};
  const auto caller = identify(services, head, *scope);
  if (caller) return {};
  report_refused(services, head, match->route->pattern, caller.error().code);
  return hearth::fail(caller.error());
}

}  // namespace

net::BodyPlanner make_body_planner(Services services) {
  return [services = std::move(services)](const net::Request& head) -> Result<net::BodyPlan> {
    net::BodyPlan plan;
    plan.max_bytes = services.limits.max_body_bytes;
    if (services.auth != nullptr) HEARTH_CHECKED(check_key(services, head));  // before any body
    const auto digest = match_pattern("/api/blobs/{digest}", head.path);
    if (head.method == "POST" && digest) {
      if (services.loopback) HEARTH_CHECKED(check_origin(head));
      if (services.auth == nullptr) HEARTH_CHECKED(check_loopback(head));
      HEARTH_CHECKED(models::parse_digest(*digest));  // before gigabytes arrive for nothing
      plan.max_bytes = services.limits.max_blob_bytes;
      plan.spool_path = (services.store.spool_folder() / random_id("upload-")).string();
    }
    return plan;
  };
}

}  // namespace hearth::api
