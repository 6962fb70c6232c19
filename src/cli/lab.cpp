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

fs::path find_lab() {
  std::error_code code;
  const fs::path here = fs::read_symlink("/proc/self/exe", code).parent_path();
  for (const fs::path& folder : {here, here / "../lib/quench"}) {
    if (fs::exists(folder / "libquench_lab.so")) return folder / "libquench_lab.so";
  }
  return {};
}

program::LabFunction open_lab(const std::string& command) {
  const fs::path path = find_lab();
  if (path.empty()) {
    fail(ErrorKind::unsupported, "[cli] `quench {}` needs quench_lab (LibTorch, OpenCV): built without it", command);
  }
  // OpenMP threads that wait shall spin for some 10 us, then sleep: an operator's gap is shorter than a wake-up, but
  // the cores are shared with the data workers. Read when the library starts, so it must be set before.
  setenv("GOMP_SPINCOUNT", "30000", 0);
  // Global, so that the lab finds OpenBLAS's own functions (nn/blas.h).
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) fail(ErrorKind::unsupported, "[cli] cannot load {}: {}", path.string(), dlerror());
  void* entry = dlsym(library, program::kLabEntry);
  if (!entry)
    fail(ErrorKind::unsupported, "[cli] {} has no {}: is it of another build?", path.string(), program::kLabEntry);
  return reinterpret_cast<program::LabFunction>(entry);
}

}  // namespace

int run_in_lab(const program::Invocation& invocation, const program::Environment& environment) {
  const Json runtimes = invocation.flags.value("runtime", Json::array());
  const bool torch = std::find(runtimes.begin(), runtimes.end(), "torch") != runtimes.end();
  if (invocation.command == "bench" && !torch) {
    return run_bench(invocation, environment, runtime::base_registry(environment.places));
  }
  if (invocation.command == "runtimes" && find_lab().empty()) {
    runtime::Registry registry = runtime::base_registry(environment.places);
    registry.add(runtime::absent_runtime("torch", "built without quench_lab (LibTorch): see docs/runtimes.md"));
    return run_runtimes(invocation, environment, registry);
  }
  return open_lab(invocation.command)(invocation, environment);
}

}  // namespace quench::cli
