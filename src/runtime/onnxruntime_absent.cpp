// Stands in for onnxruntime.cpp where the headers were not found at build time.
#include "core/error.h"
#include "runtime/absent.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime {
namespace {

constexpr char kReason[] = "built without onnxruntime: see docs/runtimes.md";

}  // namespace

std::unique_ptr<Runtime> onnxruntime_runtime() { return absent_runtime("onnxruntime", kReason); }

std::map<std::string, int64_t> optimized_operators(const graph::ModelFile&) {
  fail(ErrorKind::unsupported, "runtime 'onnxruntime': {}", kReason);
}

}  // namespace quench::runtime
