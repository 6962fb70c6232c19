#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/tensor.h"
#include "graph/onnx_read.h"
#include "runtime/runtime.h"

namespace quench::why {

/// Two models compared whole: all that can be told of what no Graph holds, and of networks without a task.
struct Whole {
  std::string model, against, runtime;
  int64_t images = 0;                     ///< 0: seeded noise stood in for images
  double model_ns = 0, against_ns = 0;    ///< median latency at batch 1, in turn
  std::vector<std::string> outputs = {};  ///< names, of the quantized model
  std::vector<double> sqnr_db = {};       ///< of each output: signal over noise, infinite where nothing differs
  /// Of each output [N,C]: the share of images whose largest value is at the same place; none of other outputs.
  std::vector<std::optional<double>> agreement = {};
};

/// Runs both by the runtime, one image after the other. Both by graph::read_interface or read_model. images: uint8
/// [1,3,H,W]; float inputs take them divided by 255. Empty: one image of noise. Throws Error{config} where inputs or
/// outputs do not go together, Error{data} for outputs that are not finite, what the runtime throws, Error{cancelled}.
Whole compare_whole(const graph::ModelFile& model, const graph::ModelFile& against, const std::vector<Tensor>& images,
                    const runtime::Runtime& runtime, int threads, int64_t runs, const CancelToken& cancel);

Json to_json(const Whole& whole);
/// As sentences.
std::vector<std::string> lines_of(const Whole& whole);

}  // namespace quench::why
