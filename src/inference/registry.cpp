#include "inference/registry.h"

#include "nn/torch_runtime.h"

namespace quench::inference {

runtime::Registry full_registry(const Places& places) {
  runtime::Registry registry = runtime::base_registry(places);
  registry.add(nn::torch_runtime());
  return registry;
}

}  // namespace quench::inference
