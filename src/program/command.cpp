#include "program/command.h"

namespace quench::program {

Json settings(const Command& command, const Json& file_values, const Invocation& invocation) {
  command.options.checked(file_values, command.name + " (--config file)");
  Json merged = file_values;
  merged.update(invocation.flags);
  return command.options.checked(merged, command.name);
}

}  // namespace quench::program
