// What a run of fit() says to those of the other processes that train together.

#include <torch/utils.h>

#include "core/error.h"
#include "core/json_text.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "train/loop/fit_run.h"
#include "train/loop/non_finite.h"
#include "train/loop/saved_run.h"

namespace quench::train {
namespace {

const char* const kWhere = "another process of the training";
const char* const kNothing = "nothing but the loss";  // of first_non_finite

Json to_json(const data::LeftOut& left_out) {
  Json out = Json::array();
  for (const LeftOutImage& image : left_out.images()) {
    out.push_back({{"index", image.index}, {"name", image.name}, {"problem", image.problem}});
  }
  return out;
}

/// All tensors one behind another.
torch::Tensor flat_of(const std::map<std::string, torch::Tensor>& tensors) {
  std::vector<torch::Tensor> all;
  for (const auto& [name, tensor] : tensors) all.push_back(tensor.reshape({-1}));
  return all.empty() ? at::zeros({0}) : at::cat(all);
}

}  // namespace

bool FitRun::stops() const {
  return several() ? asked_to_stop_ : context_.cancel != nullptr && context_.cancel->cancelled();
}

void FitRun::require_same_start() {
  Checkpoint own;
  own.identity = at_.identity;
  own.graph_sha256 = at_.graph_sha256;
  own.data_sha256 = at_.data_sha256;
  const std::vector<std::string> all = group_.gather(serialize(own));
  const Checkpoint first = parse_checkpoint(all[0], kWhere);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const std::string other = difference(first, parse_checkpoint(all[rank], kWhere), "{} is {} on rank 0, {} there");
    if (other.empty()) continue;
    fail(ErrorKind::config, "[train] expected the same training on all processes, got another on {}: {}",
         group_.name_of(static_cast<int>(rank)), other);
  }
}

std::optional<Checkpoint> FitRun::agreed(const std::optional<Checkpoint>& saved) {
  const std::string bytes = group_.broadcast(saved ? serialize(*saved) : "");
  if (bytes.empty()) return std::nullopt;
  return group_.leads() ? saved : parse_checkpoint(bytes, kWhere);
}

score::Scores FitRun::agreed(const score::Scores& scores) {
  if (!several()) return scores;
  group_.barrier(true);
  return scores_from_json(parse_json(group_.broadcast(json_text(scores_to_json(scores))), kWhere));
}

graph::Graph FitRun::agreed(graph::Graph best) {
  if (!several()) return best;
  const std::string bytes = group_.broadcast(group_.leads() ? graph::write_onnx(best) : "");
  return group_.leads() ? std::move(best) : graph::read_onnx(bytes, kWhere);
}

void FitRun::add_up(const torch::Tensor& loss, const LossParts& terms, const data::Batch& batch, double lr, bool last) {
  // The loss, its terms, and whether somebody was told to stop. While the last sums of gradients are on their way.
  std::vector<double> sums{loss.item<double>()};
  for (const auto& [name, value] : terms) sums.push_back(value.item<double>());
  sums.push_back(context_.cancel != nullptr && context_.cancel->cancelled() ? 1 : 0);
  group_.sum(std::span<double>(sums));
  if (last) gradients_->finish();
  if (last && !settings_.shared_norms()) average_statistics();
  asked_to_stop_ = asked_to_stop_ || sums.back() > 0;
  LossParts all;
  for (size_t i = 0; i < terms.size(); ++i)
    all.emplace_back(terms[i].first, torch::scalar_tensor(sums[1 + i], at::kDouble));
  const int64_t step = at_.epoch * loader_->batches() + at_.batch;
  stop_on(losses_.add(torch::scalar_tensor(sums[0], at::kDouble), batch.whole, step, lr, all), batch);
}

std::string FitRun::agreed_cause(const data::Batch& batch) {
  optimizer_.zero_grad();  // they follow from the loss
  const std::vector<std::string> causes = group_.gather(first_non_finite(module_, pixels_of(batch.images, device_)));
  for (size_t rank = 0; rank < causes.size(); ++rank) {
    if (causes[rank] != kNothing) return fmt::format("{}, on {}", causes[rank], group_.name_of(static_cast<int>(rank)));
  }
  return causes[0];
}

void FitRun::average_statistics() {
  const torch::NoGradGuard no_gradient;
  const std::map<std::string, torch::Tensor> buffers = module_.buffers();
  const torch::Tensor flat = flat_of(buffers);
  if (flat.numel() == 0) return;
  group_.sum(flat);
  flat.div_(group_.world_size());
  int64_t offset = 0;
  for (const auto& [name, buffer] : buffers) {
    torch::Tensor target = buffer;
    target.copy_(flat.narrow(0, offset, buffer.numel()).view(buffer.sizes()));
    offset += buffer.numel();
  }
}

void FitRun::gather_left_out() {
  for (const std::string& other : group_.gather(json_text(to_json(*left_out_of_training_)))) {
    for (const Json& image : parse_json(other, kWhere)) {
      left_out_of_training_->add({image.at("index"), image.at("name"), image.at("problem")});
    }
  }
}

void FitRun::keep_step() {
  if (!group_.leads()) return;
  kept_step_ = KeptStep{at_, losses_, clone_values(module_.buffers())};
}

/// Parameters, averages and momenta move only after all sums of a step are there: they are still as they were.
void FitRun::back_to_kept_step() {
  copy_values(kept_step_->buffers, module_.buffers());
  at_ = kept_step_->at;
  losses_ = kept_step_->losses;
}

void FitRun::keep_what_is_left() {
  if (kept_step_) {
    back_to_kept_step();
    save();
  }
  if (context_.log != nullptr) context_.log->warning(kept_text());
}

}  // namespace quench::train
