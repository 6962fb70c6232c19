#include "cli/study_context.h"

#include "data/sets/find.h"

namespace quench::cli {

study::StudyFile read_study_of(const program::Invocation& invocation, const program::Environment& environment,
                               const Json& options) {
  return study::read_study(invocation.inputs.at(0),
                           {data::root_of(options, environment.data_root), environment.places.cache_folder},
                           environment.log);
}

study::RunContext study_context(const Json& options, const study::StudyFile& study,
                                const program::Environment& environment, const runtime::Registry& runtimes,
                                const steps::Registry& steps) {
  const std::filesystem::path folder = options["out"].is_string()
                                           ? std::filesystem::path(options["out"].get<std::string>())
                                           : std::filesystem::path("results") / study.name;
  study::RunContext context{folder,
                            data::root_of(options, environment.data_root),
                            environment.version,
                            &runtimes,
                            &steps,
                            &environment.log,
                            environment.cancel};
  context.device_folders = environment.device_folders;
  context.program_folder = environment.places.program_folder;
  context.cache_folder = environment.places.cache_folder;
  if (options.contains("stages") && options["stages"].is_string())
    context.stages = options["stages"].get<std::string>();
  return context;
}

}  // namespace quench::cli
