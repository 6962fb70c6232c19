#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/lab_commands.h"
#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "inference/registry.h"
#include "methods/step.h"
#include "nn/blas.h"

namespace quench::cli {

namespace {

Json file_settings(const program::Invocation& invocation) {
  const auto config = invocation.flags.find("config");
  return config == invocation.flags.end() ? Json::object() : config::read_yaml(config->get<std::string>());
}

}  // namespace

Json lab_settings(const program::Invocation& invocation) {
  return program::settings(command(invocation.command), file_settings(invocation), invocation);
}

Json given_settings(const program::Invocation& invocation) {
  Json given = file_settings(invocation);
  given.update(invocation.flags);
  return given;
}

std::filesystem::path require_output(const Json& settings, const program::Invocation& invocation) {
  if (settings["output"].is_null()) {
    fail(ErrorKind::config, "quench {}: expected -o FILE, got none", invocation.command);
  }
  const std::filesystem::path path = settings["output"].get<std::string>();
  require_writable(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  return path;
}

}  // namespace quench::cli

/// Entry point of libquench_lab.so.
extern "C" int quench_lab_run(const quench::program::Invocation& invocation,
                              const quench::program::Environment& environment) {
  using namespace quench::cli;
  quench::nn::set_blas_threads(1);
  const std::string& name = invocation.command;
  if (name == "bench") return run_bench(invocation, environment, quench::inference::full_registry(environment.places));
  if (name == "runtimes")
    return run_runtimes(invocation, environment, quench::inference::full_registry(environment.places));
  if (name == "train") return run_train(invocation, environment);
  if (name == "quantize") return run_quantize(invocation, environment);
  if (const auto* step = quench::methods::step_table().find(name); step && step->command) {
    return run_step(invocation, environment);
  }
  if (name == "eval") return run_eval(invocation, environment);
  if (name == "predict") return run_predict(invocation, environment);
  if (name == "data pack") return run_data_pack(invocation, environment);
  if (name.starts_with("data ")) return run_data(invocation, environment);
  if (name.starts_with("study ")) return run_study(invocation, environment);
  quench::fail(quench::ErrorKind::internal, "[cli] quench_lab has no command '{}'", name);
}
