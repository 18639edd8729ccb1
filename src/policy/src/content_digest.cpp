// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "hearth/base/checksum.hpp"
#include "hearth/policy/policy.hpp"

namespace hearth::policy {
namespace {

/// Differs from process to process, so that nobody can make up content with a digest that is known.
std::uint64_t process_seed() {
  static const std::uint64_t seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  return seed;
}

class Hasher {
 public:
  /// What came before is the seed, so that "ab", "c" and "a", "bc" differ.
  void add(std::string_view text) { state_ = hash_of(text, state_); }
  void add(std::uint64_t number) {
    state_ = mixed(state_ ^ (number + 0x9E3779B97F4A7C15ULL + (state_ << 6) + (state_ >> 2)));
  }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = process_seed();
};

void add(Hasher& hasher, const inference::Message& message) {
  hasher.add(message.role);
  for (const inference::ContentPart& part : message.content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      hasher.add(text->text);
    } else {
      const auto& image = std::get<inference::ImagePart>(part);
      hasher.add(image.bytes);
      hasher.add(image.url);
    }
  }
  hasher.add(message.reasoning);
  hasher.add(message.tool_call_id);
  hasher.add(message.tool_name);
  for (const inference::ToolCall& call : message.tool_calls) {
    hasher.add(call.id);
    hasher.add(call.name);
    hasher.add(call.arguments);
  }
}

void add(Hasher& hasher, const inference::Generation& generation) {
  hasher.add(static_cast<std::uint64_t>(generation.constraint.kind));
  hasher.add(generation.constraint.text);
  for (const auto* texts : {&generation.constraint.choices, &generation.stop}) {
    hasher.add(std::uint64_t{texts->size()});
    for (const std::string& text : *texts) hasher.add(text);
  }
}

void add_tokens(Hasher& hasher, const std::variant<std::string, std::vector<inference::TokenId>>& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return hasher.add(*text);
  for (const inference::TokenId token : std::get<std::vector<inference::TokenId>>(input)) {
    hasher.add(static_cast<std::uint64_t>(token));
  }
}

}  // namespace

ContentDigest ContentDigest::of(const inference::ChatRequest& request) {
  Hasher hasher;
  for (const inference::Message& message : request.messages) add(hasher, message);
  for (const inference::Tool& tool : request.tools) {
    hasher.add(tool.name);
    hasher.add(tool.description);
    hasher.add(tool.parameters);
  }
  hasher.add(request.tool_choice.name);
  hasher.add(request.reasoning.effort);
  for (const auto& [name, json] : request.template_arguments) {
    hasher.add(name);
    hasher.add(json);
  }
  hasher.add(request.system_default);
  add(hasher, request.generation);
  if (request.verbatim) {
    hasher.add(*request.verbatim->body);  // may hold more than was understood
    for (const auto& [name, value] : request.verbatim->headers) hasher.add(value);
  }
  return ContentDigest{hasher.value()};
}

ContentDigest ContentDigest::of(const inference::CompletionRequest& request) {
  Hasher hasher;
  add_tokens(hasher, request.prompt);
  hasher.add(request.suffix.value_or(""));
  for (const auto& [name, text] : request.infill_files) {
    hasher.add(name);
    hasher.add(text);
  }
  add(hasher, request.generation);
  return ContentDigest{hasher.value()};
}

ContentDigest ContentDigest::of(const inference::EmbeddingRequest& request) {
  Hasher hasher;
  for (const auto& input : request.inputs) add_tokens(hasher, input);
  return ContentDigest{hasher.value()};
}

ContentDigest ContentDigest::of(const inference::RerankRequest& request) {
  Hasher hasher;
  hasher.add(request.query);
  for (const std::string& document : request.documents) hasher.add(document);
  return ContentDigest{hasher.value()};
}

}  // namespace hearth::policy
