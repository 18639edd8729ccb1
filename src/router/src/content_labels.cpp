// SPDX-License-Identifier: Apache-2.0
#include "content_labels.hpp"

#include <algorithm>

#include "hearth/privacy/redaction.hpp"

namespace hearth::router {
namespace {

template <class Request>
void look(const Request& request, const Table& table, Facts& facts) {
  if (!table.scanner) return;
  facts.found = privacy::label_of(*table.scanner, request);
  facts.found_redacted = facts.found;
  const bool anywhere = std::ranges::any_of(table.redaction.zones, [](bool zone) { return zone; });
  if (!anywhere || facts.found == policy::Label::public_) return;
  Request redacted = request;
  privacy::Placeholders hidden;
  hidden.hide(*table.scanner, table.redaction.types, redacted);
  facts.found_redacted = std::max(hidden.left(), privacy::label_of(*table.scanner, redacted));
}

}  // namespace

void look_into(const inference::ChatRequest& request, const Table& table, Facts& facts) { look(request, table, facts); }
void look_into(const inference::CompletionRequest& request, const Table& table, Facts& facts) {
  look(request, table, facts);
}
void look_into(const inference::EmbeddingRequest& request, const Table& table, Facts& facts) {
  look(request, table, facts);
}
void look_into(const inference::RerankRequest& request, const Table& table, Facts& facts) {
  look(request, table, facts);
}
void look_into(const Ask& ask, const Table& table, Facts& facts) {
  std::visit([&](const auto& request) { look(request, table, facts); }, ask);
}

}  // namespace hearth::router
