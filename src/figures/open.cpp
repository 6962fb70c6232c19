#include <dlfcn.h>

#include <filesystem>

#include "core/error.h"
#include "figures/writer.h"

namespace quench::figures {
namespace {

namespace fs = std::filesystem;

const Writer& open_writer() {
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&open_writer), &self);
  // Of the program itself the loader knows the name that it was called by, which the shell may have looked up.
  const fs::path file = self.dli_fname;
  const fs::path folder = fs::canonical(file.extension() == ".so" ? file : "/proc/self/exe").parent_path();
  std::string problem;
  for (const fs::path& place : {folder, folder / "../lib/quench", folder / ".."}) {
    const fs::path path = place / "libquench_figures.so";
    if (!fs::exists(path)) continue;
    void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
    const void* entry = library ? dlsym(library, kWriterEntry) : nullptr;
    if (entry) return *static_cast<const Writer*>(entry);
    problem = dlerror();
  }
  fail(ErrorKind::unsupported, "[figures] cannot draw: {}",
       problem.empty() ? "this quench was built without Cairo (libcairo2-dev)" : problem);
}

}  // namespace

const Writer& writer() {
  static const Writer& opened = open_writer();
  return opened;
}

}  // namespace quench::figures
