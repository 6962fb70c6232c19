#pragma once

#include <map>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "data/loading/loader.h"
#include "data/sets/dataset.h"
#include "why/findings.h"
#include "why/reference.h"

namespace quench::why {

/// What the quantized model, and changes of it, do to the outputs and the loss.
struct Harm {
  double loss = 0;  ///< of the reference
  bits::Effect all;
  std::map<Trial, bits::Effect> trials;
  std::map<size_t, Part> parts;  ///< of each layer in integers, by index of its node
};

/// On these batches, not augmented. trials: graphs of the quantized model's form. Throws Error{data} for losses that
/// are not finite, Error{config} for data that the model's outputs do not fit, Error{cancelled}.
Harm harm_of(const Forms& forms, const std::map<Trial, graph::Graph>& trials, const data::Splits& data,
             const std::vector<data::Batch>& batches, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::why
