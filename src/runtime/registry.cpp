#include "runtime/registry.h"

#include "core/error.h"
#include "core/text.h"
#include "runtime/native/native.h"
#include "runtime/onnxruntime.h"
#include "runtime/tensorrt.h"

namespace quench::runtime {

void Registry::add(std::unique_ptr<Runtime> runtime) {
  for (const auto& known : runtimes_) {
    ensure(known->name() != runtime->name(), "[runtime.registry] two runtimes named '{}'", runtime->name());
  }
  runtimes_.push_back(std::move(runtime));
}

const Runtime& Registry::require(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& runtime : runtimes_) {
    if (runtime->name() != name) {
      names.push_back(runtime->name());
      continue;
    }
    const Availability availability = runtime->availability();
    if (!availability.available) fail(ErrorKind::unsupported, "runtime '{}': {}", name, availability.reason);
    return *runtime;
  }
  fail(ErrorKind::config, "unknown runtime '{}'{}", name, suggestion(name, names));
}

Registry base_registry(const Places& places) {
  Registry registry;
  registry.add(native_runtime());
  registry.add(onnxruntime_runtime());
  for (std::unique_ptr<Runtime>& runtime :
       tensorrt_runtimes(split_text(places.search_path, ':'), places.cache_folder)) {
    registry.add(std::move(runtime));
  }
  return registry;
}

}  // namespace quench::runtime
