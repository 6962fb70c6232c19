#include "study/registry.h"

#include "nn/torch_runtime.h"

namespace quench::study {

runtime::Registry full_registry(const Places& places) {
  runtime::Registry registry = runtime::base_registry(places);
  registry.add(nn::torch_runtime());
  return registry;
}

}  // namespace quench::study
