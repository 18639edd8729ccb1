// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/modelfile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "hearth/base/text.hpp"
#include "hearth/models/parameters.hpp"
#include "model_view.hpp"
#include "nearest.hpp"

namespace hearth::models {
namespace {

constexpr std::array<std::string_view, 11> kInstructions{"FROM",     "PARAMETER", "TEMPLATE", "SYSTEM",
                                                         "ADAPTER",  "LICENSE",   "MESSAGE",  "REQUIRES",
                                                         "RENDERER", "PARSER",    "DRAFT"};
constexpr std::string_view kBlank = " \t\r";

struct Instruction {
  std::string name;      // upper case
  std::string argument;  // PARAMETER's name, MESSAGE's role
  std::string value;
  std::size_t line = 0;
};

std::unexpected<Error> refuse(std::size_t line, std::string_view why, ErrorCode code = ErrorCode::invalid_request) {
  return fail(code, fmt::format("Modelfile line {}: {}", line, why));
}

std::string upper(std::string_view s) {
  std::string out{s};
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::string_view trimmed(std::string_view s) {
  const auto first = s.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view{} : s.substr(first, s.find_last_not_of(kBlank) - first + 1);
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_{text} {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  /// The next instruction; an empty name at the end.
  Result<Instruction> next() {
    skip_comments();
    Instruction out;
    out.line = line_;
    if (rest_.empty()) return out;
    out.name = upper(word());
    if (std::ranges::find(kInstructions, std::string_view{out.name}) == kInstructions.end()) {
      return refuse(out.line, fmt::format("unknown instruction '{}'{}", printable(out.name),
                                          did_you_mean(out.name, kInstructions)));
    }
    if (out.name == "PARAMETER" || out.name == "MESSAGE") out.argument = word();
    HEARTH_TRY(out.value, value(out));
    return out;
  }

 private:
  void skip_comments() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (c == '\n' || kBlank.find(c) != std::string_view::npos) {
        advance(1);
      } else {
        return;
      }
    }
  }

  void advance(std::size_t n) {
    line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, n), '\n'));
    rest_.remove_prefix(n);
  }

  void skip_blank() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size())); }

  std::string word() {
    skip_blank();
    const auto end = std::min(rest_.find_first_of(" \t\r\n"), rest_.size());
    std::string out{rest_.substr(0, end)};
    rest_.remove_prefix(end);
    return out;
  }

  Result<std::string> value(const Instruction& in) {
    skip_blank();
    std::string out;
    if (rest_.starts_with("\"\"\"")) {
      HEARTH_TRY(out, quoted("\"\"\"", in));
    } else if (rest_.starts_with('"')) {
      HEARTH_TRY(out, quoted("\"", in));
    } else {
      const auto end = std::min(rest_.find('\n'), rest_.size());
      out = trimmed(rest_.substr(0, end));
      advance(end);
      if (out.empty()) return refuse(in.line, fmt::format("{} has no value", in.name));
    }
    return out;
  }

  // The closing quotes are the first that end a line, so that quotes inside the text need no escape.
  Result<std::string> quoted(std::string_view quotes, const Instruction& in) {
    const std::string_view body = rest_.substr(quotes.size());
    for (auto at = body.find(quotes); at != std::string_view::npos; at = body.find(quotes, at + 1)) {
      const std::string_view tail = body.substr(at + quotes.size());
      const auto end = std::min(tail.find('\n'), tail.size());
      if (!trimmed(tail.substr(0, end)).empty()) continue;
      std::string out{body.substr(0, at)};
      std::erase(out, '\r');
      advance(quotes.size() + at + quotes.size() + end);
      return out;
    }
    return refuse(in.line, fmt::format("the {} that {} opens is never closed at the end of a line", quotes, in.name));
  }

  std::string_view rest_;
  std::size_t line_ = 1;
};

bool names_a_file(std::string_view from) { return is_path(from) || from.ends_with(".gguf"); }

bool is_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos && text.front() != '.' &&
         text.back() != '.';
}

Result<> apply(Instruction in, const std::filesystem::path& folder, CreateRequest& out) {
  const auto absolute = [&](const std::string& path) {
    return (path.starts_with("~/") ? expand_path(path) : folder / path).lexically_normal().string();
  };
  if (in.name == "FROM") {
    if (!out.from.empty()) return refuse(in.line, "a second FROM is not supported", ErrorCode::unsupported);
    out.from = names_a_file(in.value) ? absolute(in.value) : in.value;
  } else if (in.name == "PARAMETER") {
    const Parameters one{{in.argument, in.value}};
    if (auto valid = to_options(one); !valid) return refuse(in.line, valid.error().message);
    out.parameters.push_back(one.front());
  } else if (in.name == "TEMPLATE") {
    out.template_text = std::move(in.value);
  } else if (in.name == "SYSTEM") {
    out.system = std::move(in.value);
  } else if (in.name == "ADAPTER") {
    out.adapters.emplace_back(absolute(in.value), "");
  } else if (in.name == "LICENSE") {
    out.licenses.push_back(std::move(in.value));
  } else if (in.name == "MESSAGE") {
    const std::string role = text::to_lower_ascii(in.argument);
    if (role != "system" && role != "user" && role != "assistant") {
      return refuse(in.line,
                    fmt::format("MESSAGE role '{}' must be system, user or assistant", printable(in.argument)));
    }
    out.messages.push_back({role, std::move(in.value)});
  } else if (in.name == "REQUIRES") {
    if (!is_version(in.value))
      return refuse(in.line, fmt::format("REQUIRES '{}' is not a version like 0.14.0", printable(in.value)));
  } else {
    return refuse(in.line, fmt::format("{} is not supported; use TEMPLATE for the prompt's form", in.name),
                  ErrorCode::unsupported);
  }
  return {};
}

std::string quote(const std::string& value) {
  const bool bare =
      !value.empty() && value.find('\n') == std::string::npos && value.front() != '"' && trimmed(value) == value;
  if (bare) return value;
  return value.find('"') == std::string::npos ? fmt::format("\"{}\"", value) : fmt::format("\"\"\"{}\"\"\"", value);
}

}  // namespace

Result<CreateRequest> parse_modelfile(std::string_view text, const std::filesystem::path& folder) {
  if (text.size() > kModelfileBytesMax) {
    return fail(ErrorCode::payload_too_large,
                fmt::format("the Modelfile has {} bytes; at most {} are allowed", text.size(), kModelfileBytesMax));
  }
  CreateRequest out;
  Scanner scanner{text};
  for (;;) {
    HEARTH_TRY(auto instruction, scanner.next());
    if (instruction.name.empty()) break;
    HEARTH_CHECKED(apply(std::move(instruction), folder, out));
  }
  if (out.from.empty()) {
    return fail(ErrorCode::invalid_request, "the Modelfile has no FROM; begin it with FROM and a model or a GGUF file",
                "from");
  }
  return out;
}

std::string print_modelfile(const Model& model) {
  // One file stands for itself; shards and a projector are reachable by the model's name only.
  const bool single = model.weights.size() == 1 && !model.projector;
  std::string out = fmt::format("# Modelfile of {}. To build on it, write: FROM {}\nFROM {}\n", model.name, model.name,
                                single ? model.weights.front().string() : model.name);
  for (const auto& adapter : model.adapters) out += fmt::format("ADAPTER {}\n", quote(adapter.string()));
  if (!model.template_text.empty()) out += fmt::format("TEMPLATE {}\n", quote(model.template_text));
  if (!model.system.empty()) out += fmt::format("SYSTEM {}\n", quote(model.system));
  for (const auto& [name, value] : model.parameters) out += fmt::format("PARAMETER {} {}\n", name, quote(value));
  for (const auto& license : model.licenses) out += fmt::format("LICENSE {}\n", quote(license));
  for (const auto& message : model.messages)
    out += fmt::format("MESSAGE {} {}\n", message.role, quote(message.content));
  return out;
}

}  // namespace hearth::models
