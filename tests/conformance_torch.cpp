#include "conformance_cases.h"
#include "nn/torch_runtime.h"

namespace quench::runtime::conformance {

std::vector<std::unique_ptr<Runtime>> runtimes() {
  std::vector<std::unique_ptr<Runtime>> all;
  all.push_back(nn::torch_runtime());
  return all;
}

}  // namespace quench::runtime::conformance
