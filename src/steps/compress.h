#pragma once

#include <filesystem>
#include <string>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"

namespace quench::steps {

/// A request to compress a trained model.
struct CompressRequest {
  std::string method;  ///< fp32 (as it is) | ptq | qat
  Json quantize;       ///< values of config::quantize_options
  Json qat;            ///< values of config::qat_options + config::augment_options; for qat
};

/// PTQ = prepare -> convert. QAT = prepare -> fit -> convert (fit checkpoints in `folder` and resumes from there).
/// The result carries the parent's sha256 in its metadata. Throws Error{config} for a model that is quantized already.
graph::Graph compress(const graph::ModelFile& parent, const data::Splits& data, const CompressRequest& request,
                      const std::filesystem::path& folder, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::steps
