// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hearth/net/http.hpp"

namespace hearth::api::test {

/// Remembers what a handler answered.
class FakeResponder : public net::Responder {
 public:
  int status = 0;
  net::Headers headers;
  std::string body;                 // of send(), or all pieces
  std::vector<std::string> pieces;  // of write()
  bool finished = false;
  std::optional<std::size_t> gone_after;      // the client goes away after so many writes
  std::function<void(std::size_t)> on_write;  // with the number of writes so far

  Task<Result<>> send(int code, net::Headers fields, std::string text) override {
    begin(code, std::move(fields));
    body = std::move(text);
    finished = true;
    co_return Result<>{};
  }
  Task<Result<>> start(int code, net::Headers fields) override {
    begin(code, std::move(fields));
    co_return Result<>{};
  }
  Task<Result<>> write(std::string_view piece) override {
    if (gone_after && pieces.size() >= *gone_after) co_return fail(ErrorCode::cancelled, "the client went away");
    pieces.emplace_back(piece);
    body += piece;
    if (on_write) on_write(pieces.size());
    co_return Result<>{};
  }
  Task<Result<>> finish() override {
    finished = true;
    co_return Result<>{};
  }
  bool started() const noexcept override { return started_; }

  std::string header(std::string_view name) const { return std::string{headers.get(name).value_or("")}; }

 private:
  void begin(int code, net::Headers fields) {
    started_ = true;
    status = code;
    headers = std::move(fields);
  }
  bool started_ = false;
};

}  // namespace hearth::api::test
