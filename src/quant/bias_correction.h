#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::quant {

/// What a correction did.
struct BiasCorrection {
  graph::Graph graph;
  int64_t layers = 0;  ///< whose biases moved
  double largest = 0;  ///< shift, in steps of the layer's output, or of what silu makes of it, where that is quantized
  std::string largest_in;  ///< the layer of that
};

/// Empirical bias correction (Nagel et al. 2019, 4.2 and appendix D): each quantized layer's bias is moved by the
/// difference of the means of its output, float less quantized, over images and places, a channel at a time. Layers in
/// order, so that later ones see what earlier ones give after their correction. Corrects the rounding of weights and
/// what the quantized values before the layer do to its mean. A layer without bias gets one.
///
/// quantized: with float weights. twin: float_twin of it. images: uint8 [N,S,S,3] a batch. Throws Error{data} for
/// means that are not finite, Error{cancelled}.
BiasCorrection correct_bias_by_images(const graph::Graph& quantized, const graph::Graph& twin,
                                      const std::vector<Tensor>& images, const LogSink& log, const CancelToken& cancel);

/// Analytic bias correction (Nagel et al. 2019, 4.2): without images. The rounding error of a layer's weights, W' - W,
/// shifts the mean of its output by sum over inputs of (W' - W) E[x]; the bias is moved by the opposite. E[x] as
/// channel_means of the float model gives it; channels whose mean is not known are left out, and borders (where padding
/// is read) count as inner places do.
///
/// float_model: as it was before quantization, with batch norms. Throws Error{config} where it has none.
BiasCorrection correct_bias_by_statistics(const graph::Graph& quantized, const graph::Graph& float_model);

/// Means of the channels of every edge of a float model, from its batch norms alone: a batch norm gives its beta, and
/// behind it, of a normal variable of mean beta and deviation |gamma|, E[relu] = beta Phi(beta / |gamma|) + |gamma|
/// phi(beta / |gamma|), E[silu] and E[sigmoid] by quadrature. Concat, split, upsample, flatten, the global average
/// and add carry means on, a convolution and a linear layer too where all of their inputs' are known. NaN: not known
/// (the image, what a max pool gives).
std::map<graph::EdgeId, std::vector<double>> channel_means(const graph::Graph& float_model);

}  // namespace quench::quant
