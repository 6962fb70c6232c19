#pragma once

// Private to the onnxruntime runtime: the opened library, and owners for its handles.

#include <onnxruntime_c_api.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

namespace quench::runtime::ort {

/// ONNX Runtime, opened once. `api` and `env` are null where it could not be; `reason` says why.
struct Library {
  const OrtApi* api = nullptr;
  OrtEnv* env = nullptr;
  std::string version;
  std::string path;
  std::string reason;
};

/// Opens the library at the first call: the path found at build time, then `libonnxruntime.so.1` and
/// `libonnxruntime.so` by the loader's search. A function-local static, because the library keeps process-wide state
/// (one environment) and cannot be closed safely; it lives until exit.
const Library& library();

/// The opened library. Throws Error{unsupported} with the reason where there is none.
const Library& require_library();

/// Throws where `status` is an error, with ONNX Runtime's message: Error{unsupported} for operators that it does not
/// implement, else Error{backend}. Releases the status.
void check(OrtStatus* status, std::string_view what);

struct Release {
  void operator()(OrtSession* value) const { library().api->ReleaseSession(value); }
  void operator()(OrtSessionOptions* value) const { library().api->ReleaseSessionOptions(value); }
  void operator()(OrtValue* value) const { library().api->ReleaseValue(value); }
  void operator()(OrtMemoryInfo* value) const { library().api->ReleaseMemoryInfo(value); }
  void operator()(OrtTypeInfo* value) const { library().api->ReleaseTypeInfo(value); }
  void operator()(OrtTensorTypeAndShapeInfo* value) const { library().api->ReleaseTensorTypeAndShapeInfo(value); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

/// Session options that all sessions share: `threads` intra-op threads that spin only while a run is under way,
/// sequential execution, all optimizations, errors alone logged.
Owned<OrtSessionOptions> session_options(int threads);

/// A session from serialized ONNX.
Owned<OrtSession> create_session(std::string_view model_bytes, const OrtSessionOptions& options);

}  // namespace quench::runtime::ort
