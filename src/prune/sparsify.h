#pragma once

#include "core/json.h"
#include "core/log.h"
#include "graph/graph.h"
#include "prune/image_criterion.h"

namespace quench::prune {

/// A float model some of whose weights of convolutions and linear layers are exactly zero, those of the smallest
/// magnitude, as `settings` (values of config::sparsify_options()) say. The zeros are the mask; the metadata `sparse`
/// (graph/sparse_layers.h) name the layers, so that fine-tuning holds it. A weight that is zero already stays so.
///
/// unstructured (Han et al. 2015): by |w|. kernel (Mao et al. 2017): by the mean of |w| over a kernel, its L1 norm by
/// its size, so that kernels of 1 x 1 and 3 x 3 compare. Block (as 16x4; Narang et al. 2017,
/// *Block-Sparse Recurrent Neural Networks*, for matrices): by the mean of |w| over so many output by so many input
/// channels at one place of the kernel; at a layer's end, and within the groups of a grouped convolution, blocks are as
/// large as what is left. Of these three at most `sparsity` x weights become zero, rounded, of each layer or of all
/// together (`scope`); of equals the first ones. N:M (Mishra et al. 2021): for each output channel and place of the
/// kernel, of M neighbouring input channels the N largest stay; the last group may have fewer than M and keeps N, too.
/// Of N:M and blocks: layers that read fewer than M channels (each group of a grouped convolution by itself) stay
/// whole: the one that reads the image, depth-wise ones.
///
/// One line to `log`, a warning for layers without any weight left. Throws as check_sparsify, and Error{data} for
/// weights that are not finite.
///
/// With criterion taylor a weight's score is WeightSensitivity's in place of |w|; show_images is called once then, and
/// what it returns is told by the metadata `sparse_criterion`. Throws Error{config} where it is empty then.
graph::Graph sparsify(const graph::Graph& graph, const Json& settings, const LogSink& log,
                      const ShowImages& show_images = {});

/// Holds the settings against a model, without its values. Throws Error{config} for a malformed pattern, a share
/// outside (0,1), one that is missing or given beside N:M, a pattern of names that matches no layer, no layer to take
/// weights from, and a quantized model.
void check_sparsify(const graph::Graph& graph, const Json& settings);

}  // namespace quench::prune
