// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "hearth/base/id.hpp"
#include "responses_store.hpp"
#include "route.hpp"
#include "route_caller.hpp"
#include "route_origin.hpp"
#include "route_wishes.hpp"

namespace hearth::api {
namespace {

/// A header takes printable ASCII only; the rest is percent-encoded.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7F) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

/// Model names come from clients, and must stay one word.
std::string header_safe(std::string_view text) {
  std::string out;
  for (const char c : header_text(text)) out += c == ' ' ? std::string{"%20"} : std::string{c};
  return out;
}

}  // namespace

std::string_view local_name(std::string_view model) noexcept {
  constexpr std::string_view kLocal = "local/";
  return model.starts_with(kLocal) ? model.substr(kLocal.size()) : model;
}

Shared::Shared(Services s)
    : services{std::move(s)},
      responses{std::make_unique<ResponseStore>(ResponseStore::Bounds{
          services.limits.max_responses, services.limits.max_response_bytes, services.limits.response_ttl})} {}

Shared::~Shared() = default;

Call::Call(std::shared_ptr<Shared> shared, net::Request& request, net::Responder& responder, RouteMatch match,
           Family family)
    : shared_{std::move(shared)}, request_{request}, responder_{responder}, argument_{match.argument}, family_{family} {
  record_.id = random_id("req_");
  record_.method = request.method;
  record_.route = match.route == nullptr ? "-" : std::string{match.route->pattern};
  record_.principal = "anonymous";
}

provider::Provider& Call::inference() const noexcept {
  if (shared_->services.router != nullptr) return *shared_->services.router;
  return shared_->services.engine;
}

bool Call::is_elsewhere(std::string_view model) const {
  if (router() == nullptr) return false;
  if (!wishes_.route.empty()) return true;
  const router::TablePtr table = router()->table();
  const std::size_t target = table->find_target(model);
  return table->find_route(model) != nullptr || (target != SIZE_MAX && table->targets[target].remote != nullptr);
}

bool Call::is_granted(std::string_view model) const {
  if (!caller_) return true;
  const auto subject = subject_of(*caller_);
  const router::TablePtr table = router() == nullptr ? nullptr : router()->table();
  if (const router::Route* route = table ? table->find_route(model) : nullptr) {
    return std::ranges::any_of(route->targets, [&](std::size_t target) {
      return policy::may_use(*subject, route->name, table->targets[target].name);
    });
  }
  if (table && table->find_target(model) != SIZE_MAX) return policy::may_use(*subject, {}, model);
  return is_granted_here(local_name(model));
}

bool Call::is_granted_here(std::string_view model) const {
  return !caller_ || policy::may_use(*subject_of(*caller_), {}, fmt::format("local/{}", model));
}

Result<> Call::check_local(std::string_view model) const {
  if (is_granted_here(local_name(model))) return {};
  return hearth::fail(
      ErrorCode::forbidden,
      fmt::format("the key of {} does not grant the model \"{}\" on this machine; /v1/models lists what "
                  "it grants",
                  record_.principal, local_name(model)),
      "model");
}

Result<> Call::authenticate(std::string_view pattern) {
  const Services& services = shared_->services;
  const auto scope = scope_of(request_.method, pattern);
  if (services.auth == nullptr || !scope) return {};
  HEARTH_TRY(caller_, identify(services, request_, *scope));
  record_.principal = caller_->principal->name;
  return caller_->admit(arrived_);
}

provider::RequestContext Call::context() const {
  provider::RequestContext context = wishes_;
  context.id = record_.id;
  context.principal = record_.principal;
  if (caller_) {
    context.subject = subject_of(*caller_);
    context.label = label_of(*caller_, context.label);
  }
  return context;
}

Result<std::string> Call::choose_model(std::string name) {
  if (name.empty()) {
    HEARTH_TRY(name, engine().default_model());
  }
  HEARTH_CHECKED(read_wishes(request_.headers, wishes_));
  record_.model = name;
  if (router() == nullptr) HEARTH_CHECKED(check_local(name));  // else the router does, and the audit log has it
  if (!is_elsewhere(name)) target_ = "local/" + header_safe(name);
  if (router() != nullptr) zone_ = policy::name_of(router()->table()->zone);
  return name;
}

Result<std::string> Call::choose_local_model(std::string name) {
  HEARTH_TRY(std::string chosen, choose_model(std::move(name)));
  HEARTH_CHECKED(check_local(chosen));
  return chosen;
}

Result<> Call::allow_verbatim(inference::ChatRequest& chat, inference::Wire wire, std::optional<Error> beyond,
                              std::initializer_list<std::string_view> headers) {
  if (!is_elsewhere(chat.model)) {
    if (beyond) return hearth::fail(*std::move(beyond));
    return {};
  }
  auto verbatim = std::make_shared<inference::Verbatim>();
  verbatim->wire = wire;
  verbatim->body = std::make_shared<const std::string>(std::move(request_.body));
  verbatim->beyond = std::move(beyond);
  for (const std::string_view name : headers) {
    if (const auto value = request_.headers.get(name)) verbatim->headers.emplace_back(name, *value);
  }
  chat.verbatim = std::move(verbatim);
  return {};
}

net::Headers Call::headers(std::string_view content_type) const {
  net::Headers headers;
  if (!content_type.empty()) headers.add("Content-Type", std::string{content_type});
  headers.add("x-request-id", record_.id);
  if (family_ == Family::anthropic) headers.add("request-id", record_.id);
  if (!target_.empty()) {
    headers.add("x-hearth-target", target_);
    headers.add("x-hearth-zone", zone_);
  }
  if (!decision_.empty()) headers.add("x-hearth-decision", decision_);
  if (cached_) headers.add("x-hearth-cache", "hit");
  if (confidence_) headers.add("x-hearth-confidence", fmt::format("{:.3f}", *confidence_));
  if (!degraded_.empty()) headers.add("x-hearth-degraded", header_text(fmt::format("{}", fmt::join(degraded_, ", "))));
  add_origin_headers(headers, request_);
  return headers;
}

void Call::degraded(const std::string& what) {
  if (std::ranges::find(degraded_, what) == degraded_.end()) degraded_.push_back(what);
}

void Call::note(std::span<const StreamSource> sources) {
  for (const StreamSource& source : sources) {
    for (const std::string& what : source.stream->degraded()) degraded(what);
    const auto placement = source.stream->placement();
    if (!placement) continue;
    target_ = header_safe(placement->target);
    zone_ = placement->zone;
    decision_ = placement->decision;
    cached_ = placement->cached;
    confidence_ = placement->confidence;
  }
}

Task<Result<>> Call::async_send(int status, std::string content_type, std::string body) {
  record_.status = status;
  net::Headers fields = headers(content_type);
  co_return co_await responder_.send(status, std::move(fields), std::move(body));
}

Task<Result<>> Call::async_send_error(Error error) {
  record_.error = error.code;
  record_.status = error_status(family_, error);
  net::Headers fields = headers("application/json");
  add_error_headers(fields, error);
  std::string body = error_body(family_, error, record_.id);
  co_return co_await responder_.send(record_.status, std::move(fields), std::move(body));
}

Task<Result<>> Call::async_start(std::string content_type) {
  record_.status = 200;
  record_.streamed = true;
  net::Headers fields = headers(content_type);
  fields.add("Cache-Control", "no-cache");
  co_return co_await responder_.start(200, std::move(fields));
}

void Call::note(const inference::Event& event) {
  const bool is_prompt = std::holds_alternative<inference::PromptDone>(event.body);
  const bool is_failure = std::holds_alternative<inference::Failed>(event.body);
  if (!record_.first_token && !is_prompt && !is_failure) record_.first_token = Clock::now() - arrived_;
  if (const auto* failed = std::get_if<inference::Failed>(&event.body)) record_.error = failed->error.code;
  if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
    record_.usage.add_choice(done->usage);
    record_.timings = done->timings;
  }
}

}  // namespace hearth::api
