#pragma once

#include "core/json.h"
#include "runtime/runtime.h"

namespace quench::cli {

/// How `bench` loads a model, by its settings.
inline runtime::SessionOptions bench_session(const Json& options) {
  runtime::SessionOptions out;
  out.threads = options["threads"];
  if (options["isa"] != "auto") out.isa = options["isa"];
  out.layer_times = options["profile"];
  return out;
}

}  // namespace quench::cli
