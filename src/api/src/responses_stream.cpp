// SPDX-License-Identifier: Apache-2.0
#include "responses_stream.hpp"

#include <fmt/format.h>

#include <iterator>

#include "json_write.hpp"

namespace hearth::api::openai {

using namespace inference;
using Kind = OutputItem::Kind;

void ResponsesEncoder::emit(std::string_view type, Json fields, std::string& out) {
  Json data{{"type", type}, {"sequence_number", sequence_++}};
  data.update(fields);
  fmt::format_to(std::back_inserter(out), "event: {}\ndata: ", type);
  out += dump(data);
  out += "\n\n";
}

void ResponsesEncoder::emit_response(std::string_view type, std::string& out) {
  emit(type, Json{{"response", response_.json()}}, out);
}

/// Once a token: appended without a JSON tree.
void ResponsesEncoder::emit_delta(std::string_view type, std::string_view delta, std::string_view logprobs,
                                  std::string& out) {
  const std::size_t index = response_.items().size() - 1;
  fmt::format_to(std::back_inserter(out),
                 R"(event: {0}{1}data: {{"type":"{0}","sequence_number":{2},"item_id":"{3}","output_index":{4},)", type,
                 "\n", sequence_++, response_.items().back().id, index);
  const bool call = response_.items().back().kind == Kind::function_call;
  if (!call) out += R"("content_index":0,)";
  out += R"("delta":)";
  append_json_string(out, delta);
  if (response_.items().back().kind == Kind::message)
    fmt::format_to(std::back_inserter(out), R"(,"logprobs":[{}])", logprobs);
  out += "}\n\n";
}

Json ResponsesEncoder::place() const {
  const auto& items = response_.items();
  return Json{{"item_id", items.back().id}, {"output_index", items.size() - 1}};
}

void ResponsesEncoder::begin(std::string& out) {
  emit_response("response.created", out);
  emit_response("response.in_progress", out);
}

void ResponsesEncoder::announce(std::string& out) {
  const OutputItem& item = response_.items().back();
  const std::size_t index = response_.items().size() - 1;
  emit("response.output_item.added", Json{{"output_index", index}, {"item", item_json(item, "in_progress")}}, out);
  if (item.kind == Kind::function_call) return;
  Json fields = place();
  fields["content_index"] = 0;
  fields["part"] = part_json(item);
  emit("response.content_part.added", std::move(fields), out);
}

OutputItem& ResponsesEncoder::item(Kind kind, std::string& out) {
  if (open_ && response_.items().back().kind == kind && kind != Kind::function_call) return response_.items().back();
  close(out);
  response_.open(kind);
  open_ = true;
  return response_.items().back();
}

void ResponsesEncoder::close_text(const OutputItem& item, std::string& out) {
  const bool message = item.kind == Kind::message;
  Json done = place();
  done["content_index"] = 0;
  Json part = done;
  done["text"] = item.text;
  if (message) done["logprobs"] = Json::parse("[" + item.logprobs + "]");
  emit(message ? "response.output_text.done" : "response.reasoning_text.done", std::move(done), out);
  part["part"] = part_json(item);
  emit("response.content_part.done", std::move(part), out);
}

void ResponsesEncoder::close(std::string& out) {
  if (!open_) return;
  open_ = false;
  const OutputItem& item = response_.items().back();
  const std::size_t index = response_.items().size() - 1;
  // Another item after it means that it is whole; only the last one can have been cut.
  const std::string_view status = response_.status() == "in_progress" ? "completed" : response_.status_of(index);
  if (item.kind == Kind::function_call) {
    Json done = place();
    done["arguments"] = item.text;
    done["name"] = item.name;
    emit("response.function_call_arguments.done", std::move(done), out);
  } else {
    close_text(item, out);
  }
  emit("response.output_item.done", Json{{"output_index", index}, {"item", item_json(item, status)}}, out);
}

void ResponsesEncoder::text(const TextDelta& delta, std::string& out) {
  if (delta.text.empty() && delta.logprobs.empty()) return;
  const std::size_t before = response_.items().size();
  OutputItem& message = item(Kind::message, out);
  if (response_.items().size() != before) announce(out);
  std::string logprobs;
  for (const TokenLogprob& token : delta.logprobs) {
    if (!logprobs.empty()) logprobs += ',';
    append_logprob(logprobs, token);
  }
  message.text += delta.text;
  if (!message.logprobs.empty() && !logprobs.empty()) message.logprobs += ',';
  message.logprobs += logprobs;
  emit_delta("response.output_text.delta", delta.text, logprobs, out);
}

void ResponsesEncoder::tool(const ToolCallDelta& delta, std::string& out) {
  const bool same = open_ && response_.items().back().kind == Kind::function_call && tool_index_ == delta.index;
  if (!same) {
    OutputItem& call = item(Kind::function_call, out);
    call.call_id = delta.id;
    call.name = delta.name;
    tool_index_ = delta.index;
    announce(out);
  }
  if (delta.arguments.empty()) return;
  response_.items().back().text += delta.arguments;
  emit_delta("response.function_call_arguments.delta", delta.arguments, {}, out);
}

void ResponsesEncoder::event(const Event& event, std::string& out) {
  if (const auto* delta = std::get_if<TextDelta>(&event.body)) {
    text(*delta, out);
  } else if (const auto* thought = std::get_if<ReasoningDelta>(&event.body)) {
    if (thought->text.empty()) return;
    const std::size_t before = response_.items().size();
    OutputItem& reasoning = item(Kind::reasoning, out);
    if (response_.items().size() != before) announce(out);
    reasoning.text += thought->text;
    emit_delta("response.reasoning_text.delta", thought->text, {}, out);
  } else if (const auto* call = std::get_if<ToolCallDelta>(&event.body)) {
    tool(*call, out);
  } else if (const auto* finished = std::get_if<Finished>(&event.body)) {
    if (response_.items().empty()) {
      item(Kind::message, out);
      announce(out);
    }
    response_.finish(*finished);
    close(out);
    on_done_(response_);
    emit_response(response_.status() == "incomplete" ? "response.incomplete" : "response.completed", out);
  }
}

void ResponsesEncoder::failed(const Error& error, std::string& out) {
  response_.fail(error);
  emit("error",
       Json{{"code", traits(error.code).name},
            {"message", error.message},
            {"param", error.param.empty() ? Json{} : Json(error.param)}},
       out);
  emit_response("response.failed", out);
}

}  // namespace hearth::api::openai
