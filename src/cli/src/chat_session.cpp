// SPDX-License-Identifier: Apache-2.0
#include "chat_session.hpp"

#include <fmt/format.h>

namespace hearth::cli {
namespace {

constexpr std::string_view kFence = "\"\"\"";

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1)};
}

/// Takes the first word off.
std::string next_word(std::string& rest) {
  const auto end = rest.find_first_of(" \t");
  std::string word = rest.substr(0, end);
  rest = end == std::string::npos ? "" : trimmed(rest.substr(end));
  return word;
}

std::string unfenced(std::string text) {
  if (text.starts_with(kFence)) text.erase(0, kFence.size());
  if (text.ends_with(kFence)) text.resize(text.size() - kFence.size());
  return trimmed(text);
}

ChatCommand wrong(std::string text) { return {.kind = ChatCommand::Kind::wrong, .text = std::move(text)}; }

ChatCommand parse_set(std::string rest) {
  ChatCommand command{.kind = ChatCommand::Kind::set, .name = next_word(rest), .value = unfenced(rest)};
  const bool flag = command.name == "verbose" || command.name == "quiet" || command.name == "noformat" ||
                    command.name == "think" || command.name == "nothink";
  if (flag) return command;
  const bool valued = command.name == "system" || command.name == "parameter" || command.name == "format";
  if (!valued)
    return wrong(
        "usage: /set parameter NAME VALUE | system TEXT | format json | noformat | think | nothink | verbose | quiet");
  if (command.value.empty()) return wrong(fmt::format("/set {} needs a value", command.name));
  return command;
}

}  // namespace

bool needs_more_lines(std::string_view text) {
  std::size_t fences = 0;
  for (std::size_t at = text.find(kFence); at != std::string_view::npos; at = text.find(kFence, at + kFence.size()))
    ++fences;
  return fences % 2 == 1;
}

ChatCommand parse_chat_input(std::string_view input) {
  std::string text = trimmed(input);
  if (text.empty()) return {};
  if (text.front() != '/') return {.kind = ChatCommand::Kind::say, .text = unfenced(text)};
  std::string rest = text;
  const std::string word = next_word(rest);
  if (word == "/bye" || word == "/exit") return {.kind = ChatCommand::Kind::bye};
  if (word == "/?" || word == "/help") return {.kind = ChatCommand::Kind::help};
  if (word == "/clear") return {.kind = ChatCommand::Kind::clear};
  if (word == "/set") return parse_set(rest);
  if (word == "/show") return {.kind = ChatCommand::Kind::show, .name = rest};
  if (word == "/save" || word == "/load") {
    if (rest.empty()) return wrong(word + " needs a model name");
    return {.kind = word == "/save" ? ChatCommand::Kind::save : ChatCommand::Kind::load, .name = rest};
  }
  // A path is a message, not a mistyped command.
  if (word.find('/', 1) != std::string::npos) return {.kind = ChatCommand::Kind::say, .text = text};
  return wrong(fmt::format("unknown command {}; /? lists them", word));
}

Result<std::string> ChatSession::set(const ChatCommand& command) {
  if (command.name == "verbose" || command.name == "quiet") {
    verbose_ = command.name == "verbose";
    return fmt::format("Statistics after each answer: {}.", verbose_ ? "on" : "off");
  }
  if (command.name == "think" || command.name == "nothink") {
    think_ = command.name == "think";
    if (!command.value.empty()) think_ = command.value;
    return fmt::format("Thinking: {}.", think_.dump());
  }
  if (command.name == "noformat") {
    format_ = nullptr;
    return std::string{"Answers are free text."};
  }
  if (command.name == "format") {
    format_ = nlohmann::ordered_json::parse(command.value, nullptr, false);
    if (command.value == "json") format_ = "json";
    if (format_.is_discarded()) {
      format_ = nullptr;
      return fail(ErrorCode::invalid_request, "format is \"json\" or a JSON schema");
    }
    return std::string{"Answers follow the format."};
  }
  if (command.name == "system") {
    system_ = command.value;
    return std::string{"System message set."};
  }
  std::string rest = command.value;
  const std::string name = next_word(rest);
  if (rest.empty())
    return fail(ErrorCode::invalid_request,
                "usage: /set parameter NAME VALUE, such as: /set parameter temperature 0.2");
  const auto number = nlohmann::ordered_json::parse(rest, nullptr, false);
  const bool plain = !number.is_discarded() && !number.is_structured();
  if (name == "stop") {
    options_["stop"].push_back(plain && number.is_string() ? number.get<std::string>() : rest);
  } else {
    options_[name] = plain ? number : nlohmann::ordered_json(rest);
  }
  return fmt::format("{} set to {}.", name, rest);
}

std::string ChatSession::begin_turn(const std::string& message) {
  messages_.push_back({{"role", "user"}, {"content", message}});
  nlohmann::ordered_json request{{"model", model_}, {"messages", nlohmann::ordered_json::array()}, {"stream", true}};
  if (!system_.empty()) request["messages"].push_back({{"role", "system"}, {"content", system_}});
  for (const auto& m : messages_) request["messages"].push_back(m);
  if (!options_.empty()) request["options"] = options_;
  if (!format_.is_null()) request["format"] = format_;
  if (!think_.is_null()) request["think"] = think_;
  answer_.clear();
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<ChatSession::Piece> ChatSession::read_line(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::upstream_error, "the server's answer is not JSON");
  if (json.contains("error") && json["error"].is_string())
    return fail(ErrorCode::upstream_error, json["error"].get<std::string>());
  Piece piece;
  if (json.contains("message") && json["message"].is_object()) {
    piece.text = json["message"].value("content", "");
    piece.thinking = json["message"].value("thinking", "");
    answer_ += piece.text;
  }
  piece.done = json.value("done", false);
  if (piece.done && verbose_) {
    const double seconds = static_cast<double>(json.value("eval_duration", std::int64_t{0})) / 1e9;
    const auto tokens = json.value("eval_count", std::int64_t{0});
    piece.statistics = fmt::format("{} prompt tokens, {} tokens in {:.2f} s, {:.1f} tokens/s",
                                   json.value("prompt_eval_count", std::int64_t{0}), tokens, seconds,
                                   seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0);
  }
  return piece;
}

void ChatSession::end_turn() { messages_.push_back({{"role", "assistant"}, {"content", std::exchange(answer_, {})}}); }

void ChatSession::cancel_turn() { messages_.erase(messages_.size() - 1); }

void ChatSession::load(std::string model) {
  model_ = std::move(model);
  clear();
}

std::string ChatSession::save_request(const std::string& name) const {
  nlohmann::ordered_json request{{"model", name}, {"from", model_}, {"messages", messages_}, {"stream", false}};
  if (!system_.empty()) request["system"] = system_;
  if (!options_.empty()) request["parameters"] = options_;
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ChatSession::settings() const {
  std::string out = fmt::format("model       {}\nmessages    {}\nverbose     {}\n", model_, messages_.size(), verbose_);
  if (!system_.empty()) out += fmt::format("system      {}\n", system_);
  if (!format_.is_null()) out += fmt::format("format      {}\n", format_.dump());
  if (!think_.is_null()) out += fmt::format("think       {}\n", think_.dump());
  for (const auto& [name, value] : options_.items()) out += fmt::format("{:<11} {}\n", name, value.dump());
  return out;
}

}  // namespace hearth::cli
