// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "command.hpp"

namespace hearth::cli {
namespace {

/// Every subcommand's name and options, read off the parser itself: the script cannot fall behind it.
std::string bash_script(const CLI::App& root) {
  std::string names;
  std::string cases;
  for (const CLI::App* command : root.get_subcommands({})) {
    if (command->get_name().empty()) continue;
    names += (names.empty() ? "" : " ") + command->get_name();
    std::string words;
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) words += " --" + name;
    }
    for (const CLI::App* nested : command->get_subcommands({})) words += " " + nested->get_name();
    cases += "    " + command->get_name() + ") words=\"" + words + "\" ;;\n";
  }
  return "# hearth completion for bash (zsh: autoload -U bashcompinit && bashcompinit first)\n"
         "_hearth() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         names +
         "\" -- \"$current\")); return\n"
         "  fi\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "  case $command in\n"
         "    run|show|rm|cp|push|stop|estimate|bench)\n"
         "      words=\"$words $(hearth list 2>/dev/null | awk 'NR>1{print $1}')\" ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\") $(compgen -f -- \"$current\"))\n"
         "  type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions \"$current\"\n"
         "}\n"
         "complete -F _hearth hearth\n";
}

std::string fish_script(const CLI::App& root) {
  std::string script = "# hearth completion for fish\n";
  for (const CLI::App* command : root.get_subcommands({})) {
    if (command->get_name().empty()) continue;
    script += "complete -c hearth -n __fish_use_subcommand -f -a " + command->get_name() + " -d '" +
              command->get_description() + "'\n";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        script += "complete -c hearth -n '__fish_seen_subcommand_from " + command->get_name() + "' -l " + name + "\n";
      }
    }
  }
  return script;
}

}  // namespace

void add_completion(CLI::App& app, const Globals&, Action& action) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script: eval \"$(hearth completion bash)\"");
  auto shell = std::make_shared<std::string>("bash");
  command->add_option("SHELL", *shell)->check(CLI::IsMember({"bash", "zsh", "fish"}));
  const auto chosen = [&app, &action, shell] {
    action = [&app, shell]() -> Result<> {
      std::fputs((*shell == "fish" ? fish_script(app) : bash_script(app)).c_str(), stdout);
      return {};
    };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
