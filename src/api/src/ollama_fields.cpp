// SPDX-License-Identifier: Apache-2.0
#include "ollama_fields.hpp"

#include <fmt/format.h>

#include "base64_decode.hpp"
#include "hearth/models/parameters.hpp"
#include "ollama_keep_alive.hpp"

namespace hearth::api::ollama {
namespace {

using Kind = JsonValue::Kind;
constexpr std::int64_t kMaxTopLogprobs = 20;
constexpr std::size_t kMaxImages = 64;

std::string parameter_text(const JsonValue& value) {
  if (value.is(Kind::string)) return value.string();
  if (value.is(Kind::array) || value.is(Kind::object)) value.fail("must be a number, a boolean or a string");
  return value.raw();
}

void read_keep_alive(JsonReader& r, Common& common) {
  const auto value = r.value("keep_alive");
  if (!value) return;
  const Result<std::chrono::seconds> parsed =
      value->is(Kind::string) ? parse_keep_alive(value->view()) : keep_alive_of(value->number(-1e18, 1e18));
  if (!parsed) return value->fail(std::string_view{parsed.error().message}.substr(sizeof("keep_alive")));
  common.keep_alive = *parsed;
}

void read_options(JsonReader& r, Common& common, inference::Generation& generation) {
  const auto value = r.value("options");
  if (!value) return;
  Result<models::ModelOptions> options = models::to_options(read_parameters(*value));
  if (!options) return r.fail("options", fmt::format("has a bad {}", options.error().message));
  generation.sampling = std::move(options->sampling);
  generation.stop = std::move(options->stop);
  generation.max_tokens = options->max_tokens;
  common.context_length = options->runtime.context;
  common.without_effect = std::move(options->without_effect);
}

/// Ollama's clients do not say what kind of image it is; its first bytes do.
std::string image_type(const std::string& bytes) {
  if (bytes.starts_with("\x89PNG")) return "image/png";
  if (bytes.starts_with("GIF8")) return "image/gif";
  if (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return "image/webp";
  return "image/jpeg";
}

}  // namespace

std::string read_model(JsonReader& r) {
  auto model = r.string("model");
  const auto old_name = r.string("name");
  if (!model || model->empty()) model = old_name;
  if (!model || model->empty()) r.fail("model", "is required");
  return model.value_or("");
}

models::Parameters read_parameters(const JsonValue& value) {
  models::Parameters out;
  value.each_field(kMaxOptions, [&](std::string_view key, const JsonValue& option) {
    if (option.is(Kind::null)) return;
    if (option.is(Kind::array)) {
      for (std::string& text : option.strings(inference::kMaxStops)) out.emplace_back(key, std::move(text));
    } else {
      out.emplace_back(key, parameter_text(option));
    }
  });
  return out;
}

void read_common(JsonReader& r, Common& common, inference::Generation& generation) {
  common.model = read_model(r);
  read_keep_alive(r, common);
  read_options(r, common, generation);
}

void read_output(JsonReader& r, inference::Generation& generation) {
  if (const auto format = r.value("format")) {
    if (format->is(Kind::object)) {
      generation.constraint = {.kind = inference::Constraint::Kind::json_schema, .text = format->raw(), .choices = {}};
    } else if (const std::string_view word = format->view(); word == "json") {
      generation.constraint.kind = inference::Constraint::Kind::json_object;
    } else if (!word.empty()) {
      format->fail("must be \"json\" or a JSON schema");
    }
  }
  const bool wanted = r.boolean("logprobs").value_or(false);
  const auto top = r.integer("top_logprobs", 0, kMaxTopLogprobs).value_or(0);
  if (top > 0 && !wanted) r.fail("top_logprobs", "needs logprobs to be true");
  if (wanted) generation.logprobs = static_cast<std::int32_t>(top);
}

void read_think(JsonReader& r, inference::Reasoning& reasoning) {
  const auto think = r.value("think");
  if (!think) return;
  if (think->is(Kind::boolean)) {
    reasoning.enabled = think->boolean();
    return;
  }
  const std::string_view effort = think->view();
  if (effort != "low" && effort != "medium" && effort != "high")
    think->fail("must be true, false, low, medium or high");
  reasoning.enabled = true;
  reasoning.effort = effort;
}

void refuse_cutting(JsonReader& r) {
  for (const std::string_view name : {"truncate", "shift"}) {
    if (r.boolean(name).value_or(false)) {
      r.fail(name, "can only be false: this server never cuts a conversation; shorten it or ask for a longer num_ctx",
             ErrorCode::unsupported);
    }
  }
}

void read_images(JsonReader& r, inference::Message& message) {
  r.each("images", kMaxImages, [&](const JsonValue& item) {
    auto bytes = base64_decode(item.view());
    if (!bytes || bytes->empty()) return item.fail("must be base64");
    message.content.emplace_back(
        inference::ImagePart{.mime_type = image_type(*bytes), .bytes = *std::move(bytes), .url = {}});
  });
}

void read_tools(JsonReader& r, std::vector<inference::Tool>& out) {
  r.each("tools", kMaxTools, [&](const JsonValue& item) {
    item.object([&](JsonReader& tool) {
      tool.one_of("type", {"function"});
      const bool found = tool.object("function", [&](JsonReader& function) {
        function.ignore({"type"});  // some clients repeat it here
        inference::Tool read;
        read.name = function.required_string("name");
        read.description = function.string("description").value_or("");
        read.strict = function.boolean("strict").value_or(false);
        const auto parameters = function.value("parameters");
        if (parameters && !parameters->is(Kind::object)) parameters->fail("must be an object");
        read.parameters = parameters ? parameters->raw() : "{}";
        out.push_back(std::move(read));
      });
      if (!found) tool.fail("function", "is required");
    });
  });
}

}  // namespace hearth::api::ollama
