// SPDX-License-Identifier: Apache-2.0
#include "api_client.hpp"

#include <fmt/format.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "hearth/net/ndjson.hpp"

namespace hearth::cli {
namespace {

/// {"error": "…"} or {"error": {"message": "…"}}
std::string message_of(int status, const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    const auto& error = json["error"];
    if (error.is_string()) return error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return error["message"].get<std::string>();
  }
  return fmt::format("the server answered {}", status);
}

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::not_found;
  return status >= 500 ? ErrorCode::upstream_error : ErrorCode::invalid_request;
}

}  // namespace

struct ApiClient::Io {
  asio::io_context context{1};
  std::unique_ptr<net::Client> client = net::Client::create(
      context.get_executor(), {.ca_file = app::process_environment()("HEARTH_CA_FILE").value_or("")});

  /// Runs one coroutine to its end on the calling thread.
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(context, std::move(task), asio::use_future);
    context.restart();
    while (future.wait_for(std::chrono::seconds{0}) != std::future_status::ready) context.run_one();
    return future.get();
  }
};

ApiClient::ApiClient(std::string url) : url_{std::move(url)}, io_{std::make_shared<Io>()} {}

Result<ApiClient> ApiClient::at(const Globals& globals) {
  std::string host = globals.host;
  if (host.empty()) host = app::process_environment()("HEARTH_HOST").value_or("127.0.0.1:4327");
  if (host.find("://") == std::string::npos) host = "http://" + host;
  while (host.ends_with('/')) host.pop_back();
  return at(host);
}

Result<ApiClient> ApiClient::at(const std::string& url) {
  HEARTH_CHECKED(net::Url::parse(url));
  return ApiClient{url};
}

Error ApiClient::unreachable(const Error& error) const {
  if (error.code != ErrorCode::upstream_unavailable) return error;
  return {.code = error.code,
          .message = fmt::format("no server answers at {}; start one with: hearth serve", url_),
          .param = {},
          .retry_after = {}};
}

namespace {

/// The key for a server that demands one.
void add_key(net::Headers& headers) {
  const char* key = std::getenv("HEARTH_API_KEY");
  if (key != nullptr && *key != '\0') headers.set("Authorization", std::string{"Bearer "} + key);
}

}  // namespace

Result<net::ClientResponse> ApiClient::request(const std::string& method, const std::string& path,
                                               const std::string& body, net::Headers headers) {
  net::ClientRequest request;
  request.headers = std::move(headers);
  request.method = method;
  HEARTH_TRY(request.url, net::Url::parse(url_ + path));
  request.body = body;
  add_key(request.headers);
  request.idle_timeout = std::chrono::minutes{10};  // loading a large model says nothing for a while
  if (!body.empty()) request.headers.set("content-type", "application/json");
  Result<net::ClientResponse> response = io_->run(io_->client->async_request(std::move(request)));
  if (!response) return fail(unreachable(response.error()));
  if (response->status >= 400) return fail(code_of(response->status), message_of(response->status, response->body));
  return response;
}

bool ApiClient::reachable() { return get("/api/version").has_value(); }

Result<std::string> ApiClient::get(const std::string& path) {
  HEARTH_TRY(net::ClientResponse response, request("GET", path, {}));
  return std::move(response.body);
}

Result<std::string> ApiClient::post(const std::string& path, const std::string& json, net::Headers headers) {
  HEARTH_TRY(net::ClientResponse response, request("POST", path, json, std::move(headers)));
  return std::move(response.body);
}

namespace {

Task<Result<net::ClientResponse>> stream_until_interrupted(net::Client& client, net::ClientRequest request,
                                                           net::OnHead on_head, net::OnBody on_body) {
  using namespace asio::experimental::awaitable_operators;
  asio::signal_set signals{co_await asio::this_coro::executor, SIGINT};
  auto done = co_await (client.async_stream(std::move(request), std::move(on_head), std::move(on_body)) ||
                        signals.async_wait(use_tuple));
  if (done.index() == 0) co_return std::get<0>(std::move(done));
  co_return fail(ErrorCode::cancelled, "interrupted");
}

}  // namespace

Result<> ApiClient::post_lines(const std::string& path, const std::string& json,
                               const std::function<Result<>(std::string_view)>& on_line) {
  net::ClientRequest request;
  request.method = "POST";
  HEARTH_TRY(request.url, net::Url::parse(url_ + path));
  request.body = json;
  add_key(request.headers);
  request.idle_timeout = std::chrono::minutes{10};
  request.headers.set("content-type", "application/json");
  int status = 0;
  std::string error_body;
  net::NdjsonSplitter lines;
  auto on_head = [&](const net::ClientResponse& head) -> Result<> {
    status = head.status;
    return {};
  };
  auto on_body = [&](std::string_view piece) -> Result<> {
    if (status >= 400) {
      error_body += piece;
      return {};
    }
    HEARTH_TRY(const std::vector<std::string> complete, lines.feed(piece));
    for (const std::string& line : complete) HEARTH_CHECKED(on_line(line));
    return {};
  };
  const auto response = io_->run(stream_until_interrupted(*io_->client, std::move(request), on_head, on_body));
  if (!response) return fail(unreachable(response.error()));
  if (status >= 400) return fail(code_of(status), message_of(status, error_body));
  return {};
}

}  // namespace hearth::cli
