#include "runtime/onnxruntime_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <vector>

namespace quench::runtime::ort {

namespace {

// Every function that we call exists in this version of the interface, which only ever grows. Asking for no more than
// that lets one build work with older and newer libraries alike.
constexpr uint32_t kApiVersion = 11;
static_assert(kApiVersion <= ORT_API_VERSION);

std::vector<std::string> candidates() {
  std::vector<std::string> paths;
#ifdef QUENCH_ONNXRUNTIME_LIBRARY
  paths.emplace_back(QUENCH_ONNXRUNTIME_LIBRARY);
#endif
  paths.emplace_back("libonnxruntime.so.1");
  paths.emplace_back("libonnxruntime.so");
  return paths;
}

Library open_library() {
  Library result;
  void* handle = nullptr;
  for (const std::string& path : candidates()) {
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) {
      result.path = path;
      break;
    }
    const char* cause = dlerror();
    result.reason += (result.reason.empty() ? "cannot open the library: " : "; ");
    result.reason += cause != nullptr ? cause : path;
  }
  if (handle == nullptr) {
    result.reason += " (see docs/runtimes.md)";
    return result;
  }
  result.reason.clear();
  using GetApiBase = const OrtApiBase* (*)();
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    result.reason = fmt::format("{}: expected the function OrtGetApiBase, found none", result.path);
    return result;
  }
  const OrtApiBase* base = get_base();
  result.version = base->GetVersionString();
  const OrtApi* api = base->GetApi(kApiVersion);
  if (api == nullptr) {
    result.reason =
        fmt::format("{}: expected ONNX Runtime 1.{} or later, got {}", result.path, kApiVersion, result.version);
    return result;
  }
  OrtStatus* status = api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "quench", &result.env);
  if (status != nullptr) {
    result.reason = fmt::format("{}: {}", result.path, api->GetErrorMessage(status));
    api->ReleaseStatus(status);
    return result;
  }
  result.api = api;
  return result;
}

}  // namespace

const Library& library() {
  static const Library opened = open_library();
  return opened;
}

const Library& require_library() {
  const Library& opened = library();
  if (opened.api == nullptr) fail(ErrorKind::unsupported, "runtime 'onnxruntime': {}", opened.reason);
  return opened;
}

void check(OrtStatus* status, std::string_view what) {
  if (status == nullptr) return;
  const OrtApi& api = *library().api;
  const std::string message = api.GetErrorMessage(status);
  const OrtErrorCode code = api.GetErrorCode(status);
  api.ReleaseStatus(status);
  fail(code == ORT_NOT_IMPLEMENTED ? ErrorKind::unsupported : ErrorKind::backend, "[runtime.onnxruntime] {}: {}", what,
       message);
}

Owned<OrtSessionOptions> session_options(int threads) {
  const OrtApi& api = *require_library().api;
  OrtSessionOptions* raw = nullptr;
  check(api.CreateSessionOptions(&raw), "session options");
  Owned<OrtSessionOptions> options(raw);
  check(api.SetIntraOpNumThreads(raw, std::max(1, threads)), "threads");
  check(api.SetInterOpNumThreads(raw, 1), "threads");
  check(api.SetSessionExecutionMode(raw, ORT_SEQUENTIAL), "execution mode");
  check(api.SetSessionGraphOptimizationLevel(raw, ORT_ENABLE_ALL), "optimization level");
  check(api.SetSessionLogSeverityLevel(raw, ORT_LOGGING_LEVEL_ERROR), "log level");
  check(api.EnableCpuMemArena(raw), "memory arena");
  // Threads spin between the operators of a run (short waits), not after it: a session at rest must not take cores
  // from another one that is being measured.
  check(api.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", "1"), "spinning");
  check(api.AddSessionConfigEntry(raw, "session.force_spinning_stop", "1"), "spinning");
  // Without VNNI, x86's fast u8 x s8 products saturate at 16 bits for weights beyond 7 bits, and results are wrong.
  // This takes the exact, slower kernels there (weights of 7 bits stay fast); with VNNI and on ARM it changes nothing.
  check(api.AddSessionConfigEntry(raw, "session.x64quantprecision", "1"), "precision");
  return options;
}

Owned<OrtSession> create_session(std::string_view model_bytes, const OrtSessionOptions& options) {
  const Library& opened = require_library();
  OrtSession* raw = nullptr;
  check(opened.api->CreateSessionFromArray(opened.env, model_bytes.data(), model_bytes.size(), &options, &raw), "load");
  return Owned<OrtSession>(raw);
}

}  // namespace quench::runtime::ort
