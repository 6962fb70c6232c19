#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "program/command.h"

namespace quench::program {

/// A program: a name and a table of commands.
struct Program {
  std::string name;
  std::string description;
  std::string version;
  const std::vector<Command>* commands = nullptr;
  CommandFunction otherwise = nullptr;  ///< runs the commands whose own function is null
  std::string (*overview)() = nullptr;  ///< what is printed where no argument is given; null: an error is
};

/// The exit code of a program that ends with an Error of this kind.
int exit_code(ErrorKind kind);

/// The whole of main(): parses, runs the command, turns errors into a line on standard error and an exit code, and
/// SIGINT and SIGTERM into a cancelled token (asked twice, it ends at once).
///
/// Where a command has the setting `progress`, it says the form of what stands on standard error: text, json, none.
int run_program(const Program& program, int argc, char** argv);

}  // namespace quench::program
