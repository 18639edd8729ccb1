// SPDX-License-Identifier: Apache-2.0
#include "error_render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "hearth/api/api.hpp"
#include "hearth/base/id.hpp"
#include "json_write.hpp"

namespace hearth::api {
namespace {

/// llama-server's own words for its codes (tools/server/server-common.cpp, format_error_response).
std::string_view llama_server_type(const Error& error) {
  switch (error.code) {
    case ErrorCode::context_too_long: return "exceed_context_size_error";
    case ErrorCode::unavailable:
    case ErrorCode::upstream_unavailable: return "unavailable_error";
    case ErrorCode::unsupported: return "not_supported_error";
    default: return traits(error.code).openai_type;
  }
}

std::string openai_body(const Error& error) {
  const ErrorTraits& about = traits(error.code);
  std::string out = R"({"error":{"message":)";
  append_json_string(out, error.message);
  out += R"(,"type":)";
  append_json_string(out, about.openai_type);
  out += R"(,"param":)";
  if (error.param.empty()) {
    out += "null";
  } else {
    append_json_string(out, error.param);
  }
  // OpenAI's clients look for this code to tell a wrong model from a wrong path.
  const bool model = error.code == ErrorCode::not_found && error.param == "model";
  out += R"(,"code":)";
  append_json_string(out, model ? "model_not_found" : about.name);
  return out += "}}";
}

std::string anthropic_body(const Error& error, std::string_view request_id) {
  std::string out = R"({"type":"error","error":{"type":)";
  append_json_string(out, traits(error.code).anthropic_type);
  out += R"(,"message":)";
  append_json_string(out, error.message);
  out += R"(},"request_id":)";
  append_json_string(out, request_id);
  return out += "}";
}

/// google.rpc.Status: its codes have names of their own.
std::string_view google_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::unauthenticated: return "UNAUTHENTICATED";
    case ErrorCode::forbidden: return "PERMISSION_DENIED";
    case ErrorCode::not_found: return "NOT_FOUND";
    case ErrorCode::conflict: return "ABORTED";
    case ErrorCode::rate_limited:
    case ErrorCode::budget_exhausted:
    case ErrorCode::insufficient_memory: return "RESOURCE_EXHAUSTED";
    case ErrorCode::upstream_error:
    case ErrorCode::upstream_unavailable:
    case ErrorCode::unavailable: return "UNAVAILABLE";
    case ErrorCode::deadline_exceeded: return "DEADLINE_EXCEEDED";
    case ErrorCode::cancelled: return "CANCELLED";
    case ErrorCode::internal: return "INTERNAL";
    default: return "INVALID_ARGUMENT";
  }
}

std::string gemini_body(const Error& error) {
  std::string out = fmt::format(R"({{"error":{{"code":{},"message":)", traits(error.code).http_status);
  append_json_string(out, error.message);
  return out += fmt::format(R"(,"status":"{}"}}}})", google_status(error.code));
}

std::string ollama_body(const Error& error) {
  std::string out = R"({"error":)";
  append_json_string(out, error.message);
  return out += "}";
}

std::string llama_server_body(const Error& error) {
  std::string out = fmt::format(R"({{"error":{{"code":{},"message":)", traits(error.code).http_status);
  append_json_string(out, error.message);
  out += R"(,"type":)";
  append_json_string(out, llama_server_type(error));
  return out += "}}";
}

/// /v1/models/NAME:generateContent and the like; names may have colons too.
bool is_gemini_call(std::string_view path) noexcept {
  constexpr std::array<std::string_view, 5> kMethods{"generateContent", "streamGenerateContent", "countTokens",
                                                     "embedContent", "batchEmbedContents"};
  const std::size_t colon = path.rfind(':');
  return path.starts_with("/v1/models/") && colon != path.npos &&
         std::ranges::find(kMethods, path.substr(colon + 1)) != kMethods.end();
}

}  // namespace

Family family_of_path(std::string_view path) noexcept {
  if (path == "/api" || path.starts_with("/api/")) return Family::ollama;
  if (path == "/v1/messages" || path.starts_with("/v1/messages/")) return Family::anthropic;
  if (path.starts_with("/v1beta/") || is_gemini_call(path)) return Family::gemini;
  if (path == "/v1" || path.starts_with("/v1/")) return Family::openai;
  return Family::llama_server;
}

std::string error_body(Family family, const Error& error, std::string_view request_id) {
  switch (family) {
    case Family::openai: return openai_body(error);
    case Family::anthropic: return anthropic_body(error, request_id);
    case Family::gemini: return gemini_body(error);
    case Family::ollama: return ollama_body(error);
    case Family::llama_server: return llama_server_body(error);
  }
  return openai_body(error);
}

int error_status(Family family, const Error& error) noexcept {
  if (family == Family::ollama && error.code == ErrorCode::rate_limited) return 503;
  return traits(error.code).http_status;
}

void add_error_headers(net::Headers& headers, const Error& error) {
  if (error.retry_after) headers.add("Retry-After", fmt::format("{}", error.retry_after->count()));
}

std::pair<net::Headers, std::string> render_error(const Error& error, std::string_view path) {
  const std::string id = random_id("req_");
  net::Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("x-request-id", id);
  add_error_headers(headers, error);
  return {std::move(headers), error_body(family_of_path(path), error, id)};
}

}  // namespace hearth::api
