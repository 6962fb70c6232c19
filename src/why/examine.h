#pragma once

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"
#include "why/findings.h"
#include "why/times.h"

namespace quench::why {

/// What is asked about.
struct Subject {
  const graph::ModelFile& model;              ///< quantized
  const graph::ModelFile* against = nullptr;  ///< the float model that it was made of
  const data::Splits* data = nullptr;         ///< its training images are looked at, not augmented
  std::string data_argument = {};             ///< how the user names the data, for commands
};

/// Images looked at where it is not told how many; fewer where they are very large.
constexpr int64_t kMostImages = 64;

/// Where the time and the error of a quantized model come from. Without data, structure and times alone. settings:
/// values of config::why_options(). Throws as forms_of, Error{data} for data of another task or other classes and for
/// values that are not finite, Error{cancelled}. That the profiler cannot run the model is a finding.
Findings examine(const Subject& subject, const Json& settings, const Profiler& profiler, const LogSink& log,
                 const CancelToken& cancel);

}  // namespace quench::why
