// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "fake_local.hpp"
#include "fake_responder.hpp"
#include "fake_store.hpp"
#include "hearth/api/api.hpp"

namespace hearth::api::test {

using Json = nlohmann::ordered_json;

/// The handler over fakes; no sockets. `ask` runs one request to its end on an io_context of its own.
class ApiTest : public ::testing::Test {
 protected:
  FakeLocal engine;
  FakeStore store;
  std::vector<RequestRecord> records;
  asio::io_context io;

  Services services() {
    Services s{.engine = engine, .store = store, .version = "0.0.0-test"};
    s.on_request = [this](const RequestRecord& r) { records.push_back(r); };
    s.limits = limits;
    s.auth = auth;
    s.router = router.get();
    s.draining = [this] { return draining; };
    return s;
  }
  Limits limits;
  const identity::Authenticator* auth = nullptr;
  std::unique_ptr<router::Router> router;
  bool draining = false;

  using HeaderList = std::initializer_list<std::pair<const char*, const char*>>;

  net::Request request(std::string method, std::string path, std::string body = {}, HeaderList headers = {}) {
    net::Request r;
    r.method = std::move(method);
    r.path = std::move(path);
    r.body = std::move(body);
    r.peer = "127.0.0.1:50000";
    for (const auto& [name, value] : headers) r.headers.add(name, value);
    return r;
  }

  /// One handler for all requests of a test, so that stored responses are found again.
  net::Handler& handler() {
    if (!handler_) handler_ = make_handler(services());
    return handler_;
  }

  void run(net::Request r, FakeResponder& responder) {
    asio::co_spawn(io, handler()(r, responder), asio::detached);
    io.restart();
    io.run();
  }

  FakeResponder ask(std::string method, std::string path, std::string body = {}, HeaderList headers = {}) {
    const net::Request r = request(std::move(method), std::move(path), std::move(body), headers);
    FakeResponder responder;
    run(r, responder);
    return responder;
  }
  FakeResponder post(std::string path, const Json& body, HeaderList headers = {}) {
    return ask("POST", std::move(path), body.dump(), headers);
  }

 private:
  net::Handler handler_;
};

/// The data of each SSE event of a stream, "[DONE]" left out; comments skipped.
inline std::vector<Json> sse_data(const std::string& body) {
  std::vector<Json> out;
  std::size_t at = 0;
  while ((at = body.find("data: ", at)) != std::string::npos) {
    const std::size_t end = body.find('\n', at);
    const std::string data = body.substr(at + 6, end - at - 6);
    if (data != "[DONE]") out.push_back(Json::parse(data));
    at = end;
  }
  return out;
}

/// Each line of an NDJSON stream.
inline std::vector<Json> ndjson_lines(const std::string& body) {
  std::vector<Json> out;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    if (end > at) out.push_back(Json::parse(body.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

}  // namespace hearth::api::test
