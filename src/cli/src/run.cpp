// SPDX-License-Identifier: Apache-2.0
#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>

#include "api_client.hpp"
#include "chat_session.hpp"
#include "command.hpp"
#include "hearth/app/app.hpp"
#include "progress_bar.hpp"

namespace hearth::cli {
namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> words;
  std::string format;
  std::string system;
  bool verbose = false;
};

constexpr const char* kHelp =
    "/set parameter NAME VALUE   a sampling or runtime parameter\n"
    "/set system TEXT            the system message\n"
    "/set format json|SCHEMA     constrain the answers (/set noformat lifts it)\n"
    "/set think | nothink        thinking, for models that do\n"
    "/set verbose | quiet        statistics after each answer\n"
    "/show                       the settings of this conversation\n"
    "/save NAME                  keep the conversation and its settings as a model\n"
    "/load NAME                  go on with another model\n"
    "/clear                      forget the conversation\n"
    "/bye                        leave (or Ctrl-D)\n"
    "Text between \"\"\" may have several lines. Ctrl-C stops an answer.\n";

/// The server to talk to: one that runs already, or one inside this process for as long as the chat lasts.
struct Connection {
  std::unique_ptr<app::App> own;
  std::optional<ApiClient> client;
  ~Connection() {
    if (own) own->stop();
  }
};

Result<std::unique_ptr<Connection>> connect(const Globals& globals) {
  auto connection = std::make_unique<Connection>();
  HEARTH_TRY(ApiClient running, ApiClient::at(globals));
  if (running.reachable()) {
    connection->client = std::move(running);
    return connection;
  }
  if (!globals.host.empty())
    return fail(ErrorCode::upstream_unavailable, fmt::format("no server answers at {}", running.url()));
  app::Config config = globals.config();
  config.port = 0;
  config.paths = true;
  config.ledger = false;
  config.audit = false;
  HEARTH_TRY(connection->own, app::App::create(std::move(config)));
  connection->own->start();
  HEARTH_TRY(connection->client, ApiClient::at(connection->own->url()));
  return connection;
}

/// Prints an answer as it comes; thinking dimmed on a terminal.
class AnswerPrinter {
 public:
  void print(const ChatSession::Piece& piece) {
    if (!piece.thinking.empty()) {
      if (!thinking_) style("\033[2m");
      thinking_ = true;
      std::fputs(piece.thinking.c_str(), stdout);
    }
    if (!piece.text.empty()) {
      end_thinking();
      std::fputs(piece.text.c_str(), stdout);
    }
    std::fflush(stdout);
  }
  void end(const std::string& statistics) {
    end_thinking();
    std::fputc('\n', stdout);
    if (!statistics.empty()) std::fprintf(stderr, "%s\n", statistics.c_str());
    std::fflush(stdout);
  }

 private:
  void end_thinking() {
    if (!std::exchange(thinking_, false)) return;
    style("\033[0m");
    std::fputs("\n\n", stdout);
  }
  static void style(const char* code) {
    if (isatty(STDOUT_FILENO) == 1) std::fputs(code, stdout);
  }
  bool thinking_ = false;
};

Result<> pull_if_missing(ApiClient& client, const std::string& model) {
  const std::string name = nlohmann::json{{"model", model}}.dump();
  const auto shown = client.post("/api/show", name);
  if (shown || shown.error().code != ErrorCode::not_found || model.starts_with('.') || model.starts_with('/')) {
    return shown ? Result<>{} : fail(shown.error());
  }
  ProgressPrinter printer;
  const auto on_line = [&](std::string_view line) -> Result<> {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return fail(ErrorCode::upstream_error, "the server's answer is not JSON");
    if (json.contains("error")) return fail(ErrorCode::upstream_error, json.value("error", ""));
    printer({.status = json.value("status", ""),
             .digest = json.value("digest", ""),
             .total = json.value("total", std::uint64_t{0}),
             .completed = json.value("completed", std::uint64_t{0})});
    return {};
  };
  return client.post_lines("/api/pull", name, on_line);
}

/// One question, one answer. Interrupted by Ctrl-C it still counts.
Result<> turn(ApiClient& client, ChatSession& chat, const std::string& message) {
  AnswerPrinter printer;
  std::string statistics;
  const auto on_line = [&](std::string_view line) -> Result<> {
    HEARTH_TRY(const ChatSession::Piece piece, chat.read_line(line));
    printer.print(piece);
    statistics = piece.statistics;
    return {};
  };
  const Result<> done = client.post_lines("/api/chat", chat.begin_turn(message), on_line);
  if (!done && done.error().code != ErrorCode::cancelled) {
    chat.cancel_turn();
    return done;
  }
  printer.end(statistics);
  chat.end_turn();
  return {};
}

/// One complete input from the line editor, or nullopt at the end.
std::optional<std::string> read_input() {
  std::string input;
  const char* prompt = ">>> ";
  do {
    const std::unique_ptr<char, decltype(&std::free)> line{readline(prompt), std::free};
    if (!line) return std::nullopt;
    input += (input.empty() ? "" : "\n") + std::string{line.get()};
    prompt = "... ";
  } while (needs_more_lines(input));
  if (input.find_first_not_of(" \t\n") != std::string::npos) add_history(input.c_str());
  return input;
}

void on_interrupt_at_prompt(int) {
  static constexpr char kHint[] = "\n(/bye or Ctrl-D leaves)\n>>> ";
  [[maybe_unused]] const auto n = write(STDOUT_FILENO, kHint, sizeof kHint - 1);
}

/// False when the conversation is over.
bool obey(ApiClient& client, ChatSession& chat, const ChatCommand& command) {
  using Kind = ChatCommand::Kind;
  Result<> done;
  switch (command.kind) {
    case Kind::bye: return false;
    case Kind::nothing: break;
    case Kind::help: std::fputs(kHelp, stdout); break;
    case Kind::clear:
      chat.clear();
      std::puts("Forgotten.");
      break;
    case Kind::show: std::fputs(chat.settings().c_str(), stdout); break;
    case Kind::set:
      if (const auto said = chat.set(command)) {
        std::puts(said->c_str());
      } else {
        done = fail(said.error());
      }
      break;
    case Kind::save:
      if (const auto saved = client.post("/api/create", chat.save_request(command.name))) {
        std::printf("Saved; go on later with: hearth run %s\n", command.name.c_str());
      } else {
        done = fail(saved.error());
      }
      break;
    case Kind::load:
      done = pull_if_missing(client, command.name);
      if (done) chat.load(command.name);
      break;
    case Kind::wrong: done = fail(ErrorCode::invalid_request, command.text); break;
    case Kind::say: done = turn(client, chat, command.text); break;
  }
  if (!done) std::fprintf(stderr, "error: %s\n", done.error().message.c_str());
  return true;
}

Result<> converse(ApiClient& client, ChatSession& chat, const std::filesystem::path& home) {
  const std::string history = (home / "history").string();
  rl_initialize();
  using_history();
  read_history(history.c_str());
  stifle_history(1000);
  std::signal(SIGINT, on_interrupt_at_prompt);
  while (const auto input = read_input()) {
    if (!obey(client, chat, parse_chat_input(*input))) break;
    std::signal(SIGINT, on_interrupt_at_prompt);  // an answer had its own
  }
  write_history(history.c_str());
  return {};
}

Result<> run(const Globals& globals, const RunOptions& options) {
  HEARTH_TRY(const auto connection, connect(globals));
  ApiClient& client = *connection->client;
  HEARTH_CHECKED(pull_if_missing(client, options.model));
  ChatSession chat{options.model};
  if (options.verbose) HEARTH_CHECKED(chat.set({.kind = ChatCommand::Kind::set, .name = "verbose"}));
  if (!options.format.empty())
    HEARTH_CHECKED(chat.set({.kind = ChatCommand::Kind::set, .name = "format", .value = options.format}));
  if (!options.system.empty())
    HEARTH_CHECKED(chat.set({.kind = ChatCommand::Kind::set, .name = "system", .value = options.system}));
  std::string prompt;
  for (const std::string& word : options.words) prompt += (prompt.empty() ? "" : " ") + word;
  const bool piped = isatty(STDIN_FILENO) != 1;
  if (piped) {
    const std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
    prompt += (prompt.empty() || text.empty() ? "" : "\n\n") + text;
  }
  if (!prompt.empty()) return turn(client, chat, prompt);
  if (piped) return fail(ErrorCode::invalid_request, "nothing to say: stdin is empty and no prompt was given");
  return converse(client, chat, globals.config().home);
}

}  // namespace

void add_run(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("run", "Chat with a model, or ask it one thing");
  auto options = std::make_shared<RunOptions>();
  command->add_option("MODEL", options->model, "Name (pulled if it is not here), or path of a GGUF file")->required();
  command->add_option("PROMPT", options->words, "Ask this and leave; piped text is added to it");
  command->add_option("--format", options->format, "json, or a JSON schema the answer must match");
  command->add_option("--system", options->system, "System message");
  command->add_flag("--verbose", options->verbose, "Statistics after each answer");
  const auto chosen = [&globals, &action, options] { action = [&globals, options] { return run(globals, *options); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
