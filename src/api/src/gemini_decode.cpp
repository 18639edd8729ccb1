// SPDX-License-Identifier: Apache-2.0
#include "gemini_decode.hpp"

#include <algorithm>
#include <limits>

#include "gemini_content.hpp"
#include "gemini_schema.hpp"
#include "tool_results.hpp"

namespace hearth::api::gemini {
namespace {

using inference::ChatRequest;
using inference::Constraint;
using Kind = JsonValue::Kind;
using Mode = inference::ToolChoice::Mode;
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxTools = 1024;
constexpr std::size_t kMaxInputs = 2048;

void read_function(const JsonValue& value, std::vector<inference::Tool>& out) {
  value.object([&](JsonReader& r) {
    inference::Tool tool;
    tool.name = r.required_string("name");
    tool.description = r.string("description").value_or("");
    r.ignore({"response", "responseJsonSchema", "behavior"});
    const auto schema = r.value("parameters");
    const auto json_schema = r.value("parametersJsonSchema");
    if (schema && json_schema) r.fail("parameters", "and parametersJsonSchema exclude each other");
    tool.parameters = schema ? to_json_schema(schema->raw()) : json_schema ? json_schema->raw() : "{}";
    out.push_back(std::move(tool));
  });
}

void read_tools(JsonReader& r, ChatRequest& out) {
  r.each("tools", kMaxTools, [&](const JsonValue& item) {
    item.object([&](JsonReader& tool) {
      for (const std::string_view server : {"googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext",
                                            "computerUse", "fileSearch", "googleMaps"}) {
        tool.refuse(server, "is a server tool, and this server runs none");
      }
      tool.each("functionDeclarations", kMaxTools, [&](const JsonValue& one) { read_function(one, out.tools); });
    });
  });
}

void read_tool_config(JsonReader& r, ChatRequest& out) {
  r.object("toolConfig", [&](JsonReader& config) {
    config.refuse("retrievalConfig", "is not supported");
    config.object("functionCallingConfig", [&](JsonReader& calling) {
      const std::string mode =
          calling.one_of("mode", {"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"}).value_or("AUTO");
      const auto names = calling.strings("allowedFunctionNames", kMaxTools).value_or(std::vector<std::string>{});
      for (const std::string& name : names) {
        const bool known = std::ranges::any_of(out.tools, [&](const auto& tool) { return tool.name == name; });
        if (!known) calling.fail("allowedFunctionNames", "names a function that is not declared");
      }
      if (mode == "NONE") out.tool_choice.mode = Mode::none;
      if (mode == "ANY") out.tool_choice.mode = Mode::required;
      if (mode == "ANY" && names.size() == 1) out.tool_choice = {.mode = Mode::named, .name = names.front()};
      if (!names.empty()) {  // the others may not be called: they are as good as absent
        std::erase_if(out.tools, [&](const auto& tool) { return std::ranges::find(names, tool.name) == names.end(); });
      }
      if (mode == "ANY" && out.tools.empty()) calling.fail("mode", "'ANY' needs functionDeclarations");
    });
  });
}

void read_format(JsonReader& r, Constraint& out) {
  const std::string type =
      r.one_of("responseMimeType", {"text/plain", "application/json", "text/x.enum"}).value_or("text/plain");
  const auto schema = r.value("responseSchema");
  const auto json_schema = r.has("responseJsonSchema") ? r.value("responseJsonSchema") : r.value("_responseJsonSchema");
  if (schema && json_schema) return r.fail("responseSchema", "and responseJsonSchema exclude each other");
  if ((schema || json_schema) && type == "text/plain") {
    return r.fail("responseMimeType", "must be application/json or text/x.enum where there is a schema");
  }
  if (type == "text/plain") return;
  const std::string text = schema ? to_json_schema(schema->raw()) : json_schema ? json_schema->raw() : "";
  if (type == "text/x.enum") {
    const auto& given = schema ? schema : json_schema;
    if (!given) return r.fail("responseSchema", "is required for text/x.enum");
    out.kind = Constraint::Kind::choice;
    given->object([&](JsonReader& s) {
      s.ignore({"type", "format", "title", "description"});
      out.choices = s.strings("enum", kMaxInputs).value_or(std::vector<std::string>{});
      if (out.choices.empty()) s.fail("enum", "is required");
    });
    return;
  }
  out.kind = text.empty() ? Constraint::Kind::json_object : Constraint::Kind::json_schema;
  out.text = text;
}

void read_thinking(JsonReader& r, GenerateRequest& out) {
  r.object("thinkingConfig", [&](JsonReader& thinking) {
    out.thoughts = thinking.boolean("includeThoughts").value_or(false);
    if (const auto budget = thinking.integer("thinkingBudget", -1, kMaxInt); budget && *budget >= 0) {
      out.chat.reasoning.enabled = *budget > 0;
      if (*budget > 0) out.chat.reasoning.budget_tokens = static_cast<std::int32_t>(*budget);
    }
    const auto level = thinking.one_of("thinkingLevel", {"minimal", "low", "medium", "high", "MINIMAL", "LOW", "MEDIUM",
                                                         "HIGH", "THINKING_LEVEL_UNSPECIFIED"});
    if (!level || *level == "THINKING_LEVEL_UNSPECIFIED") return;
    const char first = static_cast<char>((*level)[0] | 0x20);
    const bool medium = first == 'm' && ((*level)[1] | 0x20) == 'e';
    out.chat.reasoning.effort = first == 'h' ? "high" : medium ? "medium" : "low";
  });
}

void read_config(JsonReader& r, GenerateRequest& out) {
  inference::Generation& g = out.chat.generation;
  r.object("generationConfig", [&](JsonReader& config) {
    config.read("temperature", g.sampling.temperature, 0, 2);
    config.read("topP", g.sampling.top_p, 0, 1);
    if (const auto k = config.number("topK", 0, static_cast<double>(kMaxInt))) {
      g.sampling.top_k = static_cast<std::int32_t>(*k);
    }
    if (const auto n = config.integer("candidateCount", 1, 8)) g.n = static_cast<std::int32_t>(*n);
    config.read("maxOutputTokens", g.max_tokens, 1, kMaxInt);
    if (auto stops = config.strings("stopSequences", inference::kMaxStops)) g.stop = *std::move(stops);
    if (std::ranges::any_of(g.stop, &std::string::empty)) config.fail("stopSequences", "must not hold an empty string");
    if (const auto seed = config.integer("seed", -kMaxInt - 1, kMaxInt)) {
      g.sampling.seed = static_cast<std::uint32_t>(*seed);
    }
    config.read("presencePenalty", g.sampling.presence_penalty, -2, 2);
    config.read("frequencyPenalty", g.sampling.frequency_penalty, -2, 2);
    if (config.boolean("responseLogprobs").value_or(false) || config.has("logprobs")) {
      config.fail("responseLogprobs", "is not supported here; /v1/chat/completions has logprobs",
                  ErrorCode::unsupported);
    }
    if (const auto kinds = config.strings("responseModalities", 8);
        kinds && *kinds != std::vector<std::string>{"TEXT"}) {
      config.fail("responseModalities", "can only be [\"TEXT\"]", ErrorCode::unsupported);
    }
    for (const std::string_view other : {"speechConfig", "imageConfig"}) config.refuse(other, "is not supported");
    config.ignore({"mediaResolution", "enableEnhancedCivicAnswers"});
    read_format(config, g.constraint);
    read_thinking(config, out);
  });
}

void read_generate(JsonReader& r, GenerateRequest& out) {
  ContentReader reader{out.chat.messages};
  if (const auto system = r.value("systemInstruction")) reader.system(*system);
  const auto contents = r.value("contents");
  if (!contents) return r.fail("contents", "is required");
  if (contents->is(Kind::object)) {
    reader.content(*contents);
  } else {
    contents->each(kMaxContents, [&](const JsonValue& item) { reader.content(item); });
  }
  pair_tool_results(out.chat.messages);
  if (out.chat.messages.empty() && !r.passed_over()) r.fail("contents", "must not be empty");
  read_tools(r, out.chat);
  read_tool_config(r, out.chat);
  read_config(r, out);
  r.refuse("cachedContent", "is not supported: prefixes are cached by themselves");
  r.ignore({"model", "labels", "safetySettings", "serviceTier", "store"});
}

void read_embed(JsonReader& r, inference::EmbeddingRequest& out) {
  r.ignore({"model", "taskType", "title", "autoTruncate"});
  r.read("outputDimensionality", out.dimensions, 1, kMaxInt);
  const auto content = r.value("content");
  if (!content) return r.fail("content", "is required");
  out.inputs.emplace_back(text_of(*content));
}

}  // namespace

Result<GenerateRequest> decode_generate(std::string_view body) {
  HEARTH_TRY(JsonDocument document, JsonDocument::parse(body));
  GenerateRequest out;
  HEARTH_TRY(out.beyond, document.read_leniently([&](JsonReader& r) { read_generate(r, out); }));
  return out;
}

Result<ChatRequest> decode_count(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  GenerateRequest out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    if (!r.object("generateContentRequest", [&](JsonReader& inner) { read_generate(inner, out); }))
      read_generate(r, out);
  }));
  return std::move(out.chat);
}

Result<inference::EmbeddingRequest> decode_embed(std::string_view body, bool batch) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  inference::EmbeddingRequest out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    if (!batch) return read_embed(r, out);
    std::optional<std::int32_t> dimensions;
    r.each("requests", kMaxInputs, [&](const JsonValue& item) {
      item.object([&](JsonReader& one) { read_embed(one, out); });
      if (out.inputs.size() == 1) dimensions = out.dimensions;
      if (out.dimensions != dimensions)
        item.fail("must ask for as many dimensions as the first", ErrorCode::unsupported);
    });
    if (out.inputs.empty()) r.fail("requests", "is required and must not be empty");
  }));
  return out;
}

}  // namespace hearth::api::gemini
