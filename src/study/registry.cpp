#include "study/registry.h"

#include "nn/torch_runtime.h"

namespace quench::study {

runtime::Registry full_registry() {
  runtime::Registry registry = runtime::base_registry();
  registry.add(nn::torch_runtime());
  return registry;
}

}  // namespace quench::study
