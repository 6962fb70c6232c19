#pragma once

#include <CLI/CLI.hpp>

#include "program/command.h"

namespace quench::program {

/// Builds the sub-commands and flags of every Command into `app`. `commands` must outlive it. After a successful parse,
/// `chosen` and `invocation` tell what was called. Both must outlive `app`'s parsing.
struct Parsed {
  const Command* chosen = nullptr;
  Invocation invocation;
};
void add_commands(CLI::App& app, const std::vector<Command>& commands, Parsed& parsed);

}  // namespace quench::program
