// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attempt.hpp"
#include "facts.hpp"

/// What the content of a request is labelled by what is in it.
namespace hearth::router {

/// Fills in `found`, and `found_redacted` where a zone demands redaction. Tens of microseconds for thousands of tokens.
void look_into(const Ask& ask, const Table& table, Facts& facts);
void look_into(const inference::ChatRequest& request, const Table& table, Facts& facts);
void look_into(const inference::CompletionRequest& request, const Table& table, Facts& facts);
void look_into(const inference::EmbeddingRequest& request, const Table& table, Facts& facts);
void look_into(const inference::RerankRequest& request, const Table& table, Facts& facts);

}  // namespace hearth::router
