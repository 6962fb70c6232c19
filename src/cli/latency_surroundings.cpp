#include "cli/latency_surroundings.h"

namespace quench::cli {

latency_table::Surroundings latency_surroundings(const program::Environment& environment) {
  latency_table::Surroundings where;
  where.cache_folder = environment.places.cache_folder;
  where.program_folder = environment.places.program_folder;
  where.device_folders = environment.device_folders;
  where.version = environment.version;
  return where;
}

}  // namespace quench::cli
