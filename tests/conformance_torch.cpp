#include "conformance_cases.h"
#include "nn/torch_runtime.h"

namespace quench::runtime::conformance {

std::vector<Entry> runtimes() {
  std::vector<Entry> all;
  all.push_back({nn::torch_runtime(), ""});
  return all;
}

}  // namespace quench::runtime::conformance
