#include "conformance_cases.h"
#include "runtime/native/native.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime::conformance {

std::vector<std::unique_ptr<Runtime>> runtimes() {
  std::vector<std::unique_ptr<Runtime>> all;
  for (const native::Isa isa : native::available_isas()) all.push_back(native_runtime(isa));
  all.push_back(onnxruntime_runtime());
  return all;
}

}  // namespace quench::runtime::conformance
