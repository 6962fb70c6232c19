#include "train/loop/fit_run.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"
#include "core/rng.h"
#include "data/loading/evaluation_images.h"
#include "processes/place.h"
#include "train/loop/best_model.h"
#include "train/loop/device.h"

namespace quench::train {
namespace {

constexpr int64_t kShowEveryNs = 250'000'000;
constexpr int64_t kSaveEveryNs = 300'000'000'000;

const char* const kResultsName = "results.csv";

nn::GraphModule make_module(const graph::Graph& graph, const torch::Device& device, const FitSettings& settings,
                            processes::Group& group) {
  nn::ModuleOptions options;
  options.device = device;
  options.bf16 = bf16_on_cpu(settings.precision, device);
  if (group.world_size() > 1) {
    options.whole_batch = std::make_shared<const nn::WholeBatch>(nn::WholeBatch{
        [&group](const torch::Tensor& values) { group.sum(values); }, group.world_size(), settings.shared_norms()});
  }
  nn::GraphModule module(graph, options);
  module.learn(settings.qat.quantizers);
  if (settings.freeze > 0) module.freeze(settings.freeze);
  module.train(true);
  return module;
}

OptimizerOptions optimizer_options(const FitSettings& s) {
  OptimizerOptions options;
  options.kind = s.optimizer;
  options.momentum = s.momentum;
  options.nesterov = s.nesterov;
  options.weight_decay = s.weight_decay;
  options.clip_norm = s.clip_norm;
  return options;
}

std::unique_ptr<data::Loader> make_loader(const FitSettings& s, const data::Splits& data, const processes::Group& group,
                                          std::shared_ptr<data::LeftOut> left_out) {
  data::LoaderOptions options;
  options.share = group.rank();
  options.shares = group.world_size();
  options.left_out = std::move(left_out);
  options.imgsz = s.imgsz;
  options.batch = s.batch;
  options.shuffle = true;
  options.augment = true;
  options.augmentation = s.augmentation;
  options.total_epochs = s.epochs;
  options.seed = s.seed;
  options.workers = s.workers;
  int64_t images = data.train->size();
  if (s.train_limit > 0 && s.train_limit < images) {
    Rng rng(s.seed, "train_limit");
    options.subset = permutation(images, rng);
    options.subset.resize(static_cast<size_t>(s.train_limit));
    images = s.train_limit;
  }
  options.drop_last = images >= s.batch;  // a last batch of a few images would upset the batch statistics
  processes::require_an_image_each(group.world_size(), std::min(images, s.batch));
  return std::make_unique<data::Loader>(data.train, options);
}

/// The scales (gamma) of batch norms that train, where a penalty is on them. Throws Error{config} where there are none.
std::vector<torch::Tensor> batch_norm_scales(const graph::Graph& graph, const nn::GraphModule& module,
                                             double sparsity) {
  std::vector<torch::Tensor> scales;
  if (sparsity == 0) return scales;
  const std::map<std::string, torch::Tensor> parameters = module.parameters();
  for (const graph::Node& node : graph.nodes) {
    const auto scale = parameters.find(node.name + ".weight");
    if (node.op == graph::Op::batch_norm && scale != parameters.end()) scales.push_back(scale->second);
  }
  if (scales.empty()) {
    fail(ErrorKind::config,
         "[train] expected batch norms for `sparsity` to act on, got none that train: it is for float models, before "
         "they are quantized");
  }
  return scales;
}

/// The module's parameters, and the objective's own as `objective/<name>`.
std::map<std::string, torch::Tensor> trained(const nn::GraphModule& module, const Objective& objective) {
  std::map<std::string, torch::Tensor> all = module.parameters();
  for (const auto& [name, value] : objective.parameters()) all.emplace("objective/" + name, value);
  return all;
}

}  // namespace

FitRun::FitRun(const graph::Graph& start, const data::Splits& data, FitSettings settings, const FitContext& context,
               processes::Group& group)
    : settings_(std::move(settings)),
      context_(context),
      group_(group),
      data_(settings_.keep_best() ? data::with_validation(data, settings_.val_share, settings_.seed) : data),
      device_(open_device(settings_.device)),
      module_(make_module(start, device_, settings_, group)),
      scales_(batch_norm_scales(start, module_, settings_.sparsity)),
      objective_(context.objective ? context.objective(start, data_, settings_)
                                   : make_objective(start, data_, settings_)),
      optimizer_(trained(module_, *objective_), optimizer_options(settings_)),
      loss_scale_(settings_.precision == "fp16"),
      profile_(settings_.profile) {
  if (data.train->size() == 0) fail(ErrorKind::data, "[train] {} has no training images", data.name);
  loader_ = make_loader(settings_, data_, group_, left_out_of_training_);
  if (several()) gradients_ = std::make_unique<GradientSums>(trained(module_, *objective_), group_);
  after_step();
  if (settings_.qat.freeze_threshold > 0) {
    oscillations_ =
        std::make_unique<Oscillations>(module_, settings_.qat.freeze_threshold, settings_.qat.freeze_momentum);
  }
  if (settings_.ema) ema_ = std::make_unique<Ema>(averaged(), settings_.ema_decay);
  const auto batches = static_cast<double>(loader_->batches());
  schedule_ = {settings_.schedule, settings_.lr, settings_.lr_final,
               static_cast<int64_t>(std::llround(settings_.warmup_epochs * batches)),
               settings_.epochs * loader_->batches()};
  schedule_.warmup_steps = std::min(schedule_.warmup_steps, schedule_.total_steps);
  at_.identity = settings_.identity;
  for (const auto& [name, value] : context.also.items()) {
    ensure(!at_.identity.contains(name), "[train] `{}` is a setting of the fit already", name);
    at_.identity[name] = value;
  }
  at_.graph_sha256 = graph_digest(start);
  at_.data_sha256 = data::digest(data_);
  if (several()) require_same_start();
}

/// Whether no gradient waits for the rest of its step: where the run may be saved.
bool FitRun::between_steps() const { return at_.batch % settings_.accumulate == 0 || at_.batch == loader_->batches(); }

void FitRun::train_epoch() {
  loader_->start(at_.epoch, at_.batch);
  const double seconds_before = at_.seconds, epoch_seconds_before = at_.epoch_seconds;
  part_start_ns_ = saved_ns_ = now_ns();
  int64_t images_before = at_.images;
  const auto account = [&] {
    const double seconds = seconds_before + seconds_since(part_start_ns_);
    speed_.add(at_.images - images_before, seconds - at_.seconds);
    images_before = at_.images;
    at_.seconds = seconds;
    at_.epoch_seconds = epoch_seconds_before + seconds_since(part_start_ns_);
  };
  std::optional<data::Batch> last;
  while (true) {
    if (between_steps() && stops()) {
      account();
      if (last) stop_on(losses_.flush(), *last);
      save();
      fail(ErrorKind::cancelled, "interrupted");
    }
    if (several() && between_steps()) keep_step();
    profile_.enter("wait for data");
    std::optional<data::Batch> batch = loader_->next();
    if (!batch) break;
    train_batch(*batch);
    last = std::move(batch);
    account();
    show();
    if (between_steps() && now_ns() - saved_ns_ > kSaveEveryNs) {
      stop_on(losses_.flush(), *last);
      save();
    }
  }
  profile_.pause();
  if (last) stop_on(losses_.flush(), *last);
  account();
}

void FitRun::show() {
  if (context_.log == nullptr || !group_.leads() || now_ns() - shown_ns_ < kShowEveryNs) return;
  shown_ns_ = now_ns();
  context_.log->show_progress(fmt::format("epoch {}/{}  batch {}/{}  loss {:.4f}  {:.0f} images/s{}", at_.epoch + 1,
                                          settings_.epochs, at_.batch, loader_->batches(), losses_.mean(),
                                          speed_.images_per_second(), time_left()));
}

/// At the speed of now; nothing where this part of the run has trained on no image yet.
std::string FitRun::time_left() const {
  const int64_t batches = (settings_.epochs - at_.epoch) * loader_->batches() - at_.batch;
  const double speed = speed_.images_per_second();
  if (speed <= 0) return "";
  return fmt::format("  {} left", duration_text(static_cast<double>(batches * settings_.batch) / speed));
}

graph::Graph FitRun::result_graph() {
  if (!ema_) return module_.graph();
  const std::map<std::string, torch::Tensor> live = averaged();
  const std::map<std::string, torch::Tensor> kept = clone_values(live);
  copy_values(ema_->averages(), live);
  graph::Graph graph = module_.graph();
  copy_values(kept, live);
  return graph;
}

score::Scores FitRun::scores_on(const std::shared_ptr<const data::Dataset>& split, int64_t limit,
                                const graph::Graph& graph) {
  if (!group_.leads()) return agreed(score::Scores());
  nn::ModuleOptions options;
  options.device = device_;
  nn::GraphModule module(graph, options);
  const auto& left_out = split == data_.test ? left_out_of_test_ : left_out_of_validation_;
  try {
    return agreed(evaluate(module, graph, *split,
                           {.imgsz = settings_.imgsz,
                            .batch = data::evaluation_batch(settings_.imgsz, 128),
                            .workers = settings_.workers,
                            .limit = limit,
                            .left_out = left_out},
                           context_.cancel));
  } catch (const Error& error) {  // score/finite.h: weights that ran away, though no loss of a batch has shown it
    const bool ran_away = std::string_view(error.what()).find("outputs of finite values") != std::string_view::npos;
    if (ran_away && context_.not_finite) context_.not_finite(error.what());
    throw;
  }
}

void FitRun::tell_left_out() {
  if (several()) gather_left_out();
  if (!group_.leads()) return;
  const auto tell = [&](const char* what, const data::LeftOut& left_out, const data::Dataset* split) {
    if (context_.log == nullptr || left_out.count() <= told_left_out_[what]) return;
    told_left_out_[what] = left_out.count();
    context_.log->warning(data::to_text(left_out.images(), split->size(), what));
  };
  tell("training images", *left_out_of_training_, data_.train.get());
  tell("validation images", *left_out_of_validation_, data_.validation.get());
  tell("test images", *left_out_of_test_, data_.test.get());
}

void FitRun::keep_best(const graph::Graph& graph, const score::Scores& scores) {
  if (scores.empty()) {
    fail(ErrorKind::data, "[train] `keep: best` expected objects on the validation images to choose by, got none on {}",
         data_.validation->size());
  }
  if (scores.front().value <= at_.best_score) return;
  if (group_.leads()) keep_best_model(context_.folder, graph);
  at_.best_score = scores.front().value;
}

void FitRun::show_rows() {
  if (!group_.leads()) return;
  write_results(context_.folder / kResultsName, at_.rows);
  if (context_.after_epoch) context_.after_epoch(at_.rows);
}

void FitRun::end_epoch() {
  EpochRow row;
  row.lr = schedule_.at(at_.epoch * loader_->batches() + std::max<int64_t>(0, at_.batch - 1));
  row.train_loss = losses_.mean();
  row.loss_parts = losses_.part_means();
  row.images_per_second = static_cast<double>(losses_.images()) / std::max(1e-9, at_.epoch_seconds);
  row.seconds = at_.seconds;
  row.epoch = at_.epoch + 1;
  const bool tested = row.epoch % settings_.eval_every == 0 || row.epoch == settings_.epochs;
  if (tested) {
    save();  // a kill or cancel while evaluating does not lose the epoch
    const graph::Graph graph = result_graph();
    const bool best = settings_.keep_best();
    row.scores = scores_on(best ? data_.validation : data_.test, best ? 0 : settings_.test_limit, graph);
    if (best) keep_best(graph, row.scores);
  }
  ++at_.epoch;
  at_.batch = 0;
  at_.rows.push_back(row);
  losses_.restore(0, 0);
  at_.epoch_seconds = 0;
  save();
  show_rows();
  tell_left_out();
  if (context_.log == nullptr || !group_.leads()) return;
  const std::string scores = tested ? to_text(row.scores) + (settings_.keep_best() ? " (validation)  " : "  ") : "";
  context_.log->info(fmt::format("epoch {}/{}  loss {:.4f}  {}{:.0f} images/s{}", row.epoch, settings_.epochs,
                                 row.train_loss, scores, row.images_per_second, time_left()));
}

void FitRun::train_epochs() {
  try {
    while (at_.epoch < settings_.epochs) {
      train_epoch();
      kept_step_.reset();  // the end of an epoch saves it before others are waited for
      end_epoch();
    }
  } catch (const Error& error) {
    if (group_.lost() && group_.leads()) keep_what_is_left();
    const bool kept = error.kind() == ErrorKind::cancelled && !group_.lost();
    if (kept && context_.log != nullptr) context_.log->info(kept_text());
    throw;
  }
}

/// A run may end before the steps that `profile` wants.
void FitRun::tell_short_profile() const {
  if (!profile_.unfinished() || context_.log == nullptr || !group_.leads()) return;
  context_.log->warning(fmt::format("profile: expected {} steps after {} that warm up, but the run ended before",
                                    settings_.profile, StepProfile::kWarmUp));
  if (profile_.has_steps()) context_.log->info(profile_.table());
}

FitResult FitRun::finish() {
  train_epochs();
  tell_short_profile();
  FitResult result;
  const bool tested = !at_.rows.empty() && !at_.rows.back().scores.empty();
  if (settings_.keep_best() && at_.best_score >= 0) {
    result.graph = agreed(group_.leads() ? read_best_model(context_.folder) : graph::Graph());
    result.scores = scores_on(data_.test, settings_.test_limit, result.graph);
    result.chosen_on = "validation";
  } else {
    result.graph = result_graph();
    result.scores = tested ? at_.rows.back().scores : scores_on(data_.test, settings_.test_limit, result.graph);
  }
  tell_left_out();
  const int64_t size = data_.test->size(), limit = settings_.test_limit;
  result.test_images = (limit > 0 ? std::min(limit, size) : size) - left_out_of_test_->count();
  result.epochs = at_.epoch;
  result.seconds = at_.seconds;
  result.images_per_second = at_.seconds > 0 ? static_cast<double>(at_.images) / at_.seconds : 0;
  return result;
}

}  // namespace quench::train
