#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"
#include "prune/image_criterion.h"
#include "prune/weight_scores.h"

namespace quench::prune {

/// Scores of channels by what images show.
class ImageScores : public ImageCriterion {
 public:
  /// Of all batches. Members: as those of `magnitude`; for criteria of gradients also batch norms that no such layer
  /// writes to. None of groups that are kept. Throws Error{data} where what was seen does not say anything.
  virtual MemberScores scores() const = 0;
};

/// `taylor`: the square of the sum of gradient x weight over a channel's parameters, mean over batches (Molchanov et
/// al. 2019, first order, for a set of parameters); `taylor_abs`: the sum of the absolute products. `obd`: half the sum
/// of squared gradient x squared weight, mean over images one at a time (LeCun et al. 1989, the Hessian's diagonal
/// taken from the Fisher information: Theis et al. 2018). A channel's parameters: its filter, its bias, and scale and
/// shift of the batch norm behind it. gradient_batch: images of a batch of the first two. graph and groups must outlive
/// what is returned.
std::unique_ptr<ImageScores> gradient_scores(const std::string& criterion, const graph::Graph& graph,
                                             const std::vector<ChannelGroup>& groups, int64_t gradient_batch);

/// Of a channel's values after batch norm and activation. `activation`: mean of their absolute values (Li et al. 2017
/// compare with it). `zeros`: the share that is above 0 (one minus the APoZ of Hu et al. 2016; with silu what is not
/// above 0 is where the gate is shut). `mutual_information`: of its mean over the image, and the image's class; of
/// detectors the mean over classes of that with "the class is present", over classes that 5 images have and 5 do not.
/// graph and groups must outlive what is returned.
std::unique_ptr<ImageScores> activation_scores(const std::string& criterion, const graph::Graph& graph,
                                               const std::vector<ChannelGroup>& groups);

/// The criterion of that name (config::criterion_reads_images holds).
std::unique_ptr<ImageScores> image_scores(const std::string& criterion, const graph::Graph& graph,
                                          const std::vector<ChannelGroup>& groups, int64_t gradient_batch);

}  // namespace quench::prune
