#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "core/cancel.h"
#include "core/shards.h"
#include "nn/graph_module.h"

namespace quench::bits {

/// The loss of the module over all images, whose gradient its parameters take up: mean over images, added batch by
/// batch.
using AddGradients = std::function<void()>;

/// Trace of the loss's Hessian by each of these weights alone (blocks of its diagonal), as HAWQ and HAWQ-V2 rank layers
/// by (Dong et al. 2019, 2020): Hutchinson's estimate, the mean over probes of r^T H r with r of +1 and -1,
///
///   H r  by  (g(w + e D r) - g(w - e D r)) / 2 e,   D: the root mean square of each weight tensor
///
/// for all weights at once, since E[r_l^T H_lk r_k] = 0 for other layers k; what of layer l is divided by D_l. Twice
/// the gradient's cost a probe. Deviation: differences of gradients, e = 0.01, in place of second derivatives.
///
/// names: parameters of the module. Weights are as before afterwards. shards: the processes that share the probes, each
/// of which looks at all images for its own; null: this one alone. All get the same traces, to the bit. Throws
/// Error{data} for a gradient that is not finite, Error{cancelled}.
std::map<std::string, double> hessian_traces(nn::GraphModule& module, const std::vector<std::string>& names,
                                             const AddGradients& add_gradients, int64_t probes, uint64_t seed,
                                             const CancelToken& cancel, const Shards* shards = nullptr);

}  // namespace quench::bits
