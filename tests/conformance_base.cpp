#include "conformance_cases.h"
#include "runtime/native/isa.h"
#include "runtime/native/native.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime::conformance {

std::vector<Entry> runtimes() {
  std::vector<Entry> all;
  for (const native::Isa isa : native::available_isas()) all.push_back({native_runtime(), native::to_string(isa)});
  all.push_back({onnxruntime_runtime(), ""});
  return all;
}

}  // namespace quench::runtime::conformance
