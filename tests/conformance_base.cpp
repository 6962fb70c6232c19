#include "conformance_cases.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime::conformance {

std::vector<std::unique_ptr<Runtime>> runtimes() {
  std::vector<std::unique_ptr<Runtime>> all;
  all.push_back(onnxruntime_runtime());
  return all;
}

}  // namespace quench::runtime::conformance
