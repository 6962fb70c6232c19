#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "data/loading/loader.h"
#include "nn/graph_module.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/gradient_sums.h"
#include "train/loop/loss_log.h"
#include "train/loop/objective.h"
#include "train/loop/recent_speed.h"
#include "train/loop/step_profile.h"
#include "train/loop/trainer.h"
#include "train/optimizers/ema.h"
#include "train/optimizers/optimizer.h"
#include "train/optimizers/precision.h"
#include "train/optimizers/schedule.h"
#include "train/qat/oscillations.h"

namespace quench::train {

/// One run of fit(): the module, what trains it, and where it stands. Where several processes train together, each has
/// such a run, and all stand at the same place; what only one does, rank 0 does (fit_together.cpp).
class FitRun {
 public:
  FitRun(const graph::Graph& start, const data::Splits& data, FitSettings settings, const FitContext& context,
         processes::Group& group);

  /// Takes up the folder's checkpoint where there is one to go on from (saved_run.h).
  void resume();
  /// Trains what is left, then says how it ended.
  FitResult finish();

 private:
  void train_epoch();
  /// The epochs that are left.
  void train_epochs();
  void train_batch(const data::Batch& batch);
  void after_step();
  /// Adds the gradient of the penalty on batch norms' scales.
  void penalise_scales(int64_t step);
  /// Adds the gradient of the penalty on PACT's upper ends.
  void penalise_upper_ends();
  /// The loss of a batch with the penalties that are terms of it, times what its gradient is multiplied by.
  torch::Tensor scaled(const torch::Tensor& loss, int64_t step) const;
  bool between_steps() const;
  void end_epoch();
  /// results.csv, and who looks on.
  void show_rows();
  void save();
  void stop_on(const std::optional<LossLog::Bad>& bad, const data::Batch& batch);
  void show();
  std::string time_left() const;
  /// What a run that ends early leaves.
  std::string kept_text() const;
  std::map<std::string, torch::Tensor> averaged() const;
  std::map<std::string, torch::Tensor> checkpointed() const;
  /// The Graph as evaluated: averaged weights where the average is on.
  graph::Graph result_graph();
  /// Scores on a split; limit: its first images, 0: all.
  score::Scores scores_on(const std::shared_ptr<const data::Dataset>& split, int64_t limit, const graph::Graph& graph);
  /// Says what could not be read, where that is more than was said before.
  void tell_left_out();
  void tell_short_profile() const;
  bool several() const { return group_.world_size() > 1; }
  /// Whether all shall stop: here, where a token says so; of several processes, where one of them was told.
  bool stops() const;
  /// Throws where the processes do not begin alike.
  void require_same_start();
  /// What rank 0 has to go on from, everywhere.
  std::optional<Checkpoint> agreed(const std::optional<Checkpoint>& saved);
  /// What rank 0 has tested, everywhere, however long it takes.
  score::Scores agreed(const score::Scores& scores);
  graph::Graph agreed(graph::Graph best);
  /// Makes this process's gradients, loss and its terms those of the whole batch; throws where the loss is not finite.
  void add_up(const torch::Tensor& loss, const LossParts& terms, const data::Batch& batch, double lr, bool last);
  /// Which of the processes' findings on a loss that is not finite says most.
  std::string agreed_cause(const data::Batch& batch);
  /// The running statistics of batch norms become the mean of all processes'.
  void average_statistics();
  /// Rank 0 hears of the images that others could not read.
  void gather_left_out();
  /// Remembers where the run stands, between two steps; goes back there.
  void keep_step();
  void back_to_kept_step();
  /// Another process is lost: saves the last whole step, and says where the run goes on.
  void keep_what_is_left();

  /// Keeps the graph beside the checkpoint where it is the best so far.
  void keep_best(const graph::Graph& graph, const score::Scores& scores);

  FitSettings settings_;
  const FitContext& context_;
  processes::Group& group_;
  data::Splits data_;
  torch::Device device_;
  nn::GraphModule module_;
  std::vector<torch::Tensor> scales_;  ///< of batch norms; none where `sparsity` is 0
  std::unique_ptr<Objective> objective_;
  Optimizer optimizer_;
  std::unique_ptr<Ema> ema_;
  std::unique_ptr<Oscillations> oscillations_;  ///< where weights that oscillate are frozen
  std::unique_ptr<GradientSums> gradients_;     ///< of several processes
  std::shared_ptr<data::LeftOut> left_out_of_training_ = std::make_shared<data::LeftOut>();
  std::unique_ptr<data::Loader> loader_;
  Schedule schedule_;
  LossScale loss_scale_;
  LossLog losses_;
  std::shared_ptr<data::LeftOut> left_out_of_test_ = std::make_shared<data::LeftOut>();
  std::shared_ptr<data::LeftOut> left_out_of_validation_ = std::make_shared<data::LeftOut>();
  std::map<std::string, int64_t> told_left_out_;  ///< how many of each split
  Checkpoint at_;                                 ///< where the run stands; its tensors are filled when it is saved
  bool asked_to_stop_ = false;                    ///< of several processes: one of them was
  /// The last whole step, of several processes: what is no part of a step's end.
  struct KeptStep {
    Checkpoint at;
    LossLog losses;
    std::map<std::string, torch::Tensor> buffers;
  };
  std::optional<KeptStep> kept_step_;
  RecentSpeed speed_;
  StepProfile profile_;
  int64_t part_start_ns_ = 0, saved_ns_ = 0, shown_ns_ = 0;
};

}  // namespace quench::train
