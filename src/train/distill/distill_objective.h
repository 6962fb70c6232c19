#pragma once

#include <string>

#include "graph/graph.h"
#include "train/distill/distill_settings.h"
#include "train/loop/trainer.h"

namespace quench::train {

/// What a fit trains for where it learns from a teacher too: the task's own loss, plus weight times the loss of the
/// outputs and weight times the mean over feature maps of channel_divergence. The teacher sees the batch as the model
/// does, in evaluation mode, without gradients.
///
/// Where a map of the model has another number of channels than the teacher's (it was pruned, or is smaller), a 1x1
/// convolution with bias, trained along and thrown away at the end, maps it to the teacher's. Its initial values are
/// uniform in +-1/sqrt(channels), by the fit's seed.
///
/// Making the objective throws Error{config} for a teacher of another task, other classes, input size or strides, and
/// maps of other places.
MakeObjective distilled(graph::Graph teacher, const DistillSettings& distill);

}  // namespace quench::train
