#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"
#include "prune/channel_groups.h"
#include "prune/weight_scores.h"

namespace quench::prune {

/// What a model did on some images. Of gradients and values, those that the criterion asks for.
struct SeenBatch {
  std::vector<int32_t> labels;                ///< classifiers: the class of each image
  std::vector<std::vector<int32_t>> present;  ///< detectors: the classes of the objects of each image
  /// Of the task's loss, mean over the images, by each weight, under its name and of its shape, float32. A weight that
  /// the loss does not depend on may be absent.
  std::map<std::string, Tensor> gradients;
  std::map<graph::EdgeId, Tensor> values;  ///< of edges(): float32 [N,C,...]
};

/// A criterion that looks at images: adds up what it sees of each batch and makes scores of it. Knows nothing of how a
/// model is run.
class ImageScores {
 public:
  virtual ~ImageScores() = default;

  /// Whether it asks for gradients.
  virtual bool wants_gradients() const { return false; }
  /// Images that a batch must have; 0: it does not matter.
  virtual int64_t batch() const { return 0; }
  /// Whose values it asks for, ascending.
  virtual std::vector<graph::EdgeId> edges() const { return {}; }

  /// Throws Error{data} for values that are not finite, naming the weight or the edge.
  virtual void add(const SeenBatch& seen) = 0;
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
