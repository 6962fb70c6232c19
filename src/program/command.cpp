#include "program/command.h"

namespace quench::program {

Json settings(const Command& command, const Json& file_values, const Invocation& invocation) {
  const std::string where = "quench " + command.name;
  command.options.checked(file_values, where + " (--config file)");
  Json merged = file_values;
  merged.update(invocation.flags);
  return command.options.checked(merged, where);
}

}  // namespace quench::program
