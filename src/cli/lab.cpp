#include "cli/lab.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/base_commands.h"
#include "core/error.h"
#include "runtime/absent.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// A library beside the program (or in ../lib/quench), with what it brings along.
struct Library {
  const char* name;
  const char* holds;
};
constexpr Library kData{"quench_data", "OpenCV"};
constexpr Library kPlan{"quench_plan", "OpenCV"};
constexpr Library kLab{"quench_lab", "LibTorch, OpenCV"};

/// The library that serves a command: the smallest that can, for LibTorch takes half a second to load.
const Library& library_of(const program::Invocation& invocation) {
  const std::string& command = invocation.command;
  if (command.starts_with("data ") || command == "fetch") return kData;
  const bool reads = command == "study plan" && !invocation.flags.value("trial", false);
  return reads || command == "study status" || command == "study init" || command == "study cancel" ? kPlan : kLab;
}

/// Where it is; empty: nowhere.
fs::path find(const Library& library) {
  std::error_code code;
  const fs::path here = fs::read_symlink("/proc/self/exe", code).parent_path();
  const std::string file = fmt::format("lib{}.so", library.name);
  for (const fs::path& folder : {here, here / "../lib/quench"}) {
    if (fs::exists(folder / file)) return folder / file;
  }
  return {};
}

program::LibraryFunction open_library(const program::Invocation& invocation) {
  const Library& wanted = library_of(invocation);
  const fs::path path = find(wanted);
  if (path.empty()) {
    fail(ErrorKind::unsupported,
         "[cli] `quench {}` needs lib{}.so ({}), which is neither beside the program nor in ../lib/quench from there: "
         "the build is without it, or the program was copied alone",
         invocation.command, wanted.name, wanted.holds);
  }
  // OpenMP threads that wait shall spin for some 10 us, then sleep: an operator's gap is shorter than a wake-up, but
  // the cores are shared with the data workers. Read when the library starts, so it must be set before.
  setenv("GOMP_SPINCOUNT", "30000", 0);
  // Global, so that the lab finds OpenBLAS's own functions (nn/blas.h). Functions are bound as they are called: of
  // OpenCV's and LibTorch's most never are.
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (!library) fail(ErrorKind::unsupported, "[cli] cannot load {}: {}", path.string(), dlerror());
  void* entry = dlsym(library, program::kLibraryEntry);
  if (!entry)
    fail(ErrorKind::unsupported, "[cli] {} has no {}: is it of another build?", path.string(), program::kLibraryEntry);
  return reinterpret_cast<program::LibraryFunction>(entry);
}

}  // namespace

runtime::Registry listed_runtimes(const Places& places) {
  runtime::Registry registry = runtime::base_registry(places);
  registry.add(find(kLab).empty()
                   ? runtime::absent_runtime("torch", "built without quench_lab (LibTorch): see docs/runtimes.md")
                   : runtime::unopened_runtime("torch", QUENCH_TORCH_VERSION));
  return registry;
}

int run_in_library(const program::Invocation& invocation, const program::Environment& environment) {
  if (invocation.command == "runtimes")
    return run_runtimes(invocation, environment, listed_runtimes(environment.places));
  const Json runtimes = invocation.flags.value("runtime", Json::array());
  const bool torch = std::find(runtimes.begin(), runtimes.end(), "torch") != runtimes.end();
  if (invocation.command == "bench" && !torch) {
    return run_bench(invocation, environment, runtime::base_registry(environment.places));
  }
  return open_library(invocation)(invocation, environment);
}

}  // namespace quench::cli
