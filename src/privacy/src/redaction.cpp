// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/redaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "hearth/base/checksum.hpp"
#include "hearth/base/text.hpp"
#include "json_strings.hpp"
#include "text_window.hpp"

namespace hearth::privacy {
namespace {

/// Calls `plain` with each text of a request and `json` with each text that is JSON. One list for scanning and hiding,
/// so that nothing is scanned and not hidden by oversight.
template <class Plain, class Json>
void visit(auto& message, Plain plain, Json json)
  requires requires { message.role; }
{
  for (auto& part : message.content) {
    if (auto* text = std::get_if<inference::TextPart>(&part)) plain(text->text);
  }
  plain(message.reasoning);
  for (auto& call : message.tool_calls) json(call.arguments);
}
template <class Plain, class Json>
void visit(auto& request, Plain plain, Json json)
  requires requires { request.messages; }
{
  for (auto& message : request.messages) visit(message, plain, json);
  plain(request.system_default);
  for (auto& tool : request.tools) plain(tool.description);
}
template <class Plain, class Json>
void visit(auto& request, Plain plain, Json)
  requires requires { request.infill_files; }
{
  if (auto* text = std::get_if<std::string>(&request.prompt)) plain(*text);
  if (request.suffix) plain(*request.suffix);
  for (auto& [name, text] : request.infill_files) plain(text);
}
template <class Plain, class Json>
void visit(auto& request, Plain plain, Json)
  requires requires { request.inputs; }
{
  for (auto& input : request.inputs) {
    if (auto* text = std::get_if<std::string>(&input)) plain(*text);
  }
}
template <class Plain, class Json>
void visit(auto& request, Plain plain, Json)
  requires requires { request.documents; }
{
  plain(request.query);
  for (auto& document : request.documents) plain(document);
}

/// Of JSON text: as it is written, where a member's name tells what its value is, and what is behind escapes.
inference::Label label_in_json(const Scanner& scanner, std::string_view json) {
  if (json.empty()) return inference::Label::public_;
  inference::Label highest = scanner.label_in(json);
  each_escaped(json, [&](std::string_view text) { highest = std::max(highest, scanner.label_in(text)); });
  return highest;
}

/// Of what says how to answer. Nothing is hidden there: the answer would no longer be what was asked for.
inference::Label label_of(const Scanner& scanner, const inference::Generation& generation) {
  const inference::Constraint& constraint = generation.constraint;
  inference::Label highest = label_in_json(scanner, constraint.text);
  for (const auto* texts : {&constraint.choices, &generation.stop}) {
    for (const std::string& text : *texts) highest = std::max(highest, scanner.label_in(text));
  }
  return highest;
}

/// What else of a chat goes to a server and is not hidden, one a line.
std::string small_texts(const inference::ChatRequest& request) {
  std::string out;
  const auto add = [&out](std::string_view text) { (out += text) += '\n'; };
  for (const inference::Message& message : request.messages) {
    add(message.role);
    add(message.tool_call_id);
    add(message.tool_name);
    for (const inference::ToolCall& call : message.tool_calls) {
      add(call.id);
      add(call.name);
    }
    for (const inference::ContentPart& part : message.content) {
      if (const auto* image = std::get_if<inference::ImagePart>(&part)) add(image->url);
    }
  }
  for (const inference::Tool& tool : request.tools) add(tool.name);
  add(request.tool_choice.name);
  add(request.reasoning.effort);
  return out;
}

/// A body that is forwarded as it came holds what was read of it, what was ignored and what was not understood. Without
/// what `visit` shows, so that long texts are not scanned twice, and without pictures, which nobody looks into.
std::string rest_of_body(const inference::ChatRequest& request) {
  constexpr std::size_t kLong = 64;
  struct Hash {  // the standard one takes a cycle and a half a byte
    std::size_t operator()(std::string_view text) const { return hash_of(text); }
  };
  std::unordered_set<std::string_view, Hash> seen;
  const auto note = [&seen](std::string_view text) { seen.insert(text); };
  visit(request, note, note);
  std::unordered_set<std::string> pictures;
  for (const inference::Message& message : request.messages) {
    for (const inference::ContentPart& part : message.content) {
      const auto* image = std::get_if<inference::ImagePart>(&part);
      if (image != nullptr && !image->bytes.empty()) pictures.insert(text::base64_encode(image->bytes));
    }
  }
  return without_strings(*request.verbatim->body, kLong, [&](std::string_view text) {
    constexpr std::string_view kData = "base64,";  // of a data URL
    if (seen.contains(text)) return true;
    if (pictures.empty()) return false;
    const std::size_t data = text.substr(0, kLong).find(kData);
    return pictures.contains(std::string{data == text.npos ? text : text.substr(data + kData.size())});
  });
}

template <class Request>
inference::Label label(const Scanner& scanner, const Request& request) {
  inference::Label highest = inference::Label::public_;
  visit(
      request,
      [&](std::string_view text) {
        if (!text.empty()) highest = std::max(highest, scanner.label_in(text));
      },
      [&](std::string_view json) { highest = std::max(highest, label_in_json(scanner, json)); });
  return highest;
}

}  // namespace

inference::Label label_of(const Scanner& scanner, const inference::ChatRequest& request) {
  inference::Label highest = std::max(label(scanner, request), label_of(scanner, request.generation));
  if (request.verbatim) {
    for (const auto& [name, value] : request.verbatim->headers) highest = std::max(highest, scanner.label_in(value));
    return std::max(highest, label_in_json(scanner, rest_of_body(request)));
  }
  highest = std::max(highest, scanner.label_in(small_texts(request)));
  for (const auto& [name, json] : request.template_arguments) {
    highest = std::max({highest, scanner.label_in(name), label_in_json(scanner, json)});
  }
  for (const inference::Tool& tool : request.tools) {
    highest = std::max(highest, label_in_json(scanner, tool.parameters));
  }
  return highest;
}
inference::Label label_of(const Scanner& scanner, const inference::CompletionRequest& request) {
  return std::max(label(scanner, request), label_of(scanner, request.generation));
}
inference::Label label_of(const Scanner& scanner, const inference::EmbeddingRequest& request) {
  return label(scanner, request);
}
inference::Label label_of(const Scanner& scanner, const inference::RerankRequest& request) {
  return label(scanner, request);
}

/// One request being hidden.
struct Placeholders::Pass {
  const Scanner& scanner;
  const std::vector<bool>& hidden;
  Placeholders& map;
  std::string all;  // every text of the request: a placeholder must not be in it already

  std::string placeholder_for(std::string_view original, const std::string& type) {
    if (const auto known = map.placeholders_.find(original); known != map.placeholders_.end()) return known->second;
    std::string name = type;
    std::ranges::transform(name, name.begin(), to_upper);
    std::string placeholder;
    do {
      placeholder = fmt::format("[{}_{}]", name, ++map.counts_[name]);
    } while (all.find(placeholder) != std::string::npos);
    map.placeholders_.emplace(original, placeholder);
    map.originals_.emplace(placeholder, original);
    return placeholder;
  }

  std::string hide(std::string_view text) {
    std::string out;
    std::size_t done = 0;
    for (const Finding& finding : scanner.scan(text)) {
      if (!hidden[finding.type]) {
        map.left_ = std::max(map.left_, scanner.label_of(finding));
        continue;
      }
      out += text.substr(done, finding.begin - done);
      out +=
          placeholder_for(text.substr(finding.begin, finding.end - finding.begin), scanner.types()[finding.type].name);
      done = finding.end;
    }
    out += text.substr(done);
    return out;
  }

  template <class Request>
  void run(Request& request) {
    const auto collect = [&](std::string_view text) { (all += text) += '\n'; };
    visit(std::as_const(request), collect, collect);
    visit(
        request, [&](std::string& text) { text = hide(text); },
        [&](std::string& json) { json = change_json(json, [&](std::string_view text) { return hide(text); }); });
  }
};

void Placeholders::hide(const Scanner& scanner, const std::vector<bool>& hidden_types,
                        inference::ChatRequest& request) {
  Pass{scanner, hidden_types, *this, {}}.run(request);
  request.verbatim = nullptr;  // those bytes say what was hidden
}
void Placeholders::hide(const Scanner& scanner, const std::vector<bool>& hidden_types,
                        inference::CompletionRequest& request) {
  Pass{scanner, hidden_types, *this, {}}.run(request);
}
void Placeholders::hide(const Scanner& scanner, const std::vector<bool>& hidden_types,
                        inference::EmbeddingRequest& request) {
  Pass{scanner, hidden_types, *this, {}}.run(request);
}
void Placeholders::hide(const Scanner& scanner, const std::vector<bool>& hidden_types,
                        inference::RerankRequest& request) {
  Pass{scanner, hidden_types, *this, {}}.run(request);
}

std::string Restorer::next(std::string_view piece) {
  held_ += piece;
  std::string out;
  std::string_view left = held_;
  while (!left.empty()) {
    const std::size_t bracket = std::min(left.find('['), left.size());
    out += left.substr(0, bracket);
    left.remove_prefix(bracket);
    if (left.empty()) break;
    const std::size_t closing = left.find(']');
    if (closing == std::string_view::npos) {
      // Sorted: the placeholders that begin like this come right here.
      const auto next = placeholders_->originals_.lower_bound(left);
      if (next != placeholders_->originals_.end() && std::string_view{next->first}.starts_with(left)) break;
      out += '[';
      left.remove_prefix(1);
      continue;
    }
    const auto found = placeholders_->originals_.find(left.substr(0, closing + 1));
    if (found == placeholders_->originals_.end()) {
      out += '[';
      left.remove_prefix(1);
      continue;
    }
    out += into_ == Into::json ? escape_json(found->second) : found->second;
    left.remove_prefix(closing + 1);
  }
  held_ = std::string{left};
  return out;
}

std::string Restorer::rest() { return std::exchange(held_, {}); }

}  // namespace hearth::privacy
