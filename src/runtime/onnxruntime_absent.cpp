// Stands in for onnxruntime.cpp where the headers were not found at build time.
#include "core/error.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime {

namespace {

constexpr char kReason[] = "built without onnxruntime: see docs/runtimes.md";

class AbsentOnnxRuntime : public Runtime {
 public:
  std::string name() const override { return "onnxruntime"; }
  Availability availability() const override { return {.available = false, .version = "", .reason = kReason}; }
  std::unique_ptr<Session> load(const graph::ModelFile&, const SessionOptions&) const override {
    fail(ErrorKind::unsupported, "runtime 'onnxruntime': {}", kReason);
  }
};

}  // namespace

std::unique_ptr<Runtime> onnxruntime_runtime() { return std::make_unique<AbsentOnnxRuntime>(); }

std::map<std::string, int64_t> optimized_operators(const graph::ModelFile&) {
  fail(ErrorKind::unsupported, "runtime 'onnxruntime': {}", kReason);
}

}  // namespace quench::runtime
