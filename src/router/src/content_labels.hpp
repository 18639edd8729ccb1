// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attempt.hpp"
#include "facts.hpp"

/// What the content of a request is labelled by what is in it.
namespace hearth::router {

/// As look_into, in `pool` when the content is long.
template <class Content>
Task<> async_look_into(async::BlockingPool* pool, const Content& content, const Table& table, Facts& facts);

/// Fills in `found`, and `found_redacted` where a zone demands redaction. Tens of microseconds for thousands of tokens.
void look_into(const Ask& ask, const Table& table, Facts& facts);
void look_into(const inference::ChatRequest& request, const Table& table, Facts& facts);
void look_into(const inference::CompletionRequest& request, const Table& table, Facts& facts);
void look_into(const inference::EmbeddingRequest& request, const Table& table, Facts& facts);
void look_into(const inference::RerankRequest& request, const Table& table, Facts& facts);

template <class Content>
Task<> async_look_into(async::BlockingPool* pool, const Content& content, const Table& table, Facts& facts) {
  auto work = [&content, &table, &facts] { look_into(content, table, facts); };
  if (pool == nullptr || facts.prompt_tokens <= kLongContent) {
    work();
  } else {
    co_await pool->async_run(std::move(work));
  }
}

}  // namespace hearth::router
