#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "quench_onnx.pb.h"
#include "runtime/onnxruntime.h"
#include "runtime/onnxruntime_library.h"

namespace quench::runtime {

namespace {

/// An anonymous file in memory that others can write to by path, gone when closed.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("quench-optimized", MFD_CLOEXEC)) {
    if (fd_ < 0) fail(ErrorKind::io, "[runtime.onnxruntime] no file in memory: {}", std::strerror(errno));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

void count(const quench_onnx::GraphProto& graph, std::map<std::string, int64_t>& operators) {
  for (const auto& node : graph.node()) {
    const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
    ++operators[standard ? node.op_type() : node.domain() + "." + node.op_type()];
  }
}

}  // namespace

std::map<std::string, int64_t> optimized_operators(const graph::ModelFile& model) {
  const ort::Library& library = ort::require_library();
  const MemoryFile file;
  const auto options = ort::session_options(1);
  ort::check(library.api->SetOptimizedModelFilePath(options.get(), file.path().c_str()), "optimized model");
  const auto session = ort::create_session(model.bytes, *options);
  quench_onnx::ModelProto optimized;
  if (lseek(file.fd(), 0, SEEK_SET) != 0 || !optimized.ParseFromFileDescriptor(file.fd())) {
    fail(ErrorKind::backend, "[runtime.onnxruntime] expected the optimized graph as ONNX, got something else");
  }
  std::map<std::string, int64_t> operators;
  count(optimized.graph(), operators);
  return operators;
}

}  // namespace quench::runtime
