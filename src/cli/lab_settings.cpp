#include "cli/commands.h"
#include "cli/lab_commands.h"
#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"

namespace quench::cli {

namespace {

Json file_settings(const program::Invocation& invocation) {
  const auto config = invocation.flags.find("config");
  return config == invocation.flags.end() ? Json::object() : config::read_yaml(config->get<std::string>());
}

}  // namespace

Json lab_settings(const program::Command& entry, const program::Invocation& invocation) {
  return program::settings(entry, file_settings(invocation), invocation);
}

Json lab_settings(const program::Invocation& invocation) {
  return lab_settings(command(invocation.command), invocation);
}

Json given_settings(const program::Invocation& invocation) {
  Json given = file_settings(invocation);
  given.update(invocation.flags);
  return given;
}

std::filesystem::path require_output(const Json& settings, const program::Invocation& invocation) {
  if (settings["output"].is_null()) {
    fail(ErrorKind::config, "{}: expected -o FILE, got none", invocation.command);
  }
  return *file_to_write(settings, "output");
}

std::optional<std::filesystem::path> file_to_write(const Json& settings, const char* name) {
  if (settings[name].is_null()) return std::nullopt;
  std::filesystem::path path = settings[name].get<std::string>();
  if (std::error_code code; std::filesystem::is_directory(path, code)) {
    fail(ErrorKind::config, "expected a file to write for '{}', got the folder {}", name, path.string());
  }
  require_writable(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  return path;
}

}  // namespace quench::cli
