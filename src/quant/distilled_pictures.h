#pragma once

#include <cstdint>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "graph/graph.h"

namespace quench::quant {

struct DistillPictures {
  int64_t count = 64;
  int64_t steps = 300;  ///< of the optimizer, for each batch
  double lr = 0.1;      ///< of Adam, in units of the pixels' deviation (0.25), falling to 0 by half a cosine
  uint64_t seed = 0;
};

/// What they reached.
struct DistilledPictures {
  int side = 0;
  std::vector<uint8_t> pixels;             ///< RGB, [count,side,side,3]
  double loss_before = 0, loss_after = 0;  ///< mean over batches
};

/// Pictures that a model takes for its training images, from its batch norms alone (ZeroQ: Cai et al. 2020, equation
/// 1):
///
///   min_x  sum over batch norms of (|m(x) - mu|^2 + |s(x) - sigma|^2) / channels
///
/// with m, s mean and deviation of what the batch norm reads over a batch of pictures, mu and sigma the model's running
/// ones. From normal noise about gray, by Adam; pixels stay in [0,1]. Deviations from the paper: a mean over channels
/// in place of their sum, each in units of the batch norm's own sigma, so that no layer outweighs the others; no term
/// for the input, whose statistics no batch norm holds.
///
/// float_model: with batch norms that hold statistics, else Error{config}; one that was folded has none. Throws
/// Error{data} for a loss that is not finite, Error{cancelled}.
DistilledPictures distill_pictures(const graph::Graph& float_model, const DistillPictures& settings, const LogSink& log,
                                   const CancelToken& cancel);

}  // namespace quench::quant
