// What a detection loss costs, forward and backward, beside the network's forward and backward pass.
//   detect_loss [model=yolov5n] [imgsz=320] [batch=16] [objects=20 an image] [threads=2] [rounds=5]
#include "train/losses/detect_loss.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdlib>

#include "core/rng.h"
#include "interleave.h"
#include "models/spec.h"
#include "nn/graph_module.h"

namespace {

using torch::Tensor;

/// Objects as mosaics have them: many small, few large.
Tensor random_targets(int batch, int objects, int64_t classes) {
  quench::Rng rng(1, "targets");
  const Tensor rows = at::empty({batch * objects, 6});
  float* row = rows.data_ptr<float>();
  for (int i = 0; i < batch * objects; ++i, row += 6) {
    row[0] = static_cast<float>(i / objects);
    row[1] = static_cast<float>(rng.below(static_cast<uint64_t>(classes)));
    for (int k = 4; k < 6; ++k) row[k] = static_cast<float>(0.02 + 0.6 * rng.uniform() * rng.uniform());
    for (int k = 2; k < 4; ++k) row[k] = static_cast<float>(rng.uniform(row[k + 2] / 2, 1 - row[k + 2] / 2));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const std::string name = argc > 1 ? argv[1] : "yolov5n";
  const int imgsz = number(2, 320), batch = number(3, 16), objects = number(4, 20), rounds = number(6, 5);
  at::set_num_threads(number(5, 2));

  quench::models::BuildOptions options;
  options.imgsz = imgsz;
  const quench::graph::Graph graph = quench::models::build(name, options);
  const quench::models::DetectHead head = quench::models::detect_head(graph);
  const auto criterion = quench::train::make_criterion(head, quench::train::default_gains(head));
  quench::nn::GraphModule module(graph, {torch::kCPU, true, true});
  module.train(true);
  torch::manual_seed(1);
  const Tensor images = at::rand({batch, 3, imgsz, imgsz}),
               targets = random_targets(batch, objects, head.class_count());

  std::vector<Tensor> leaves, gradients;
  for (const Tensor& output : module.forward(images)) leaves.push_back(output.detach().set_requires_grad(true));
  std::vector<double> loss_seconds, network_seconds;
  const auto clock = quench::bench::Clock::wall;
  for (int round = 0; round <= rounds; ++round) {
    const double loss = quench::bench::seconds_of(
        [&] {
          for (Tensor& leaf : leaves) leaf.mutable_grad().reset();
          (*criterion)(leaves, targets).total.backward();
        },
        1, clock);
    gradients.clear();
    for (const Tensor& leaf : leaves) gradients.push_back(leaf.grad());
    const double network =
        quench::bench::seconds_of([&] { torch::autograd::backward(module.forward(images), gradients); }, 1, clock);
    if (round == 0) continue;  // warms up
    loss_seconds.push_back(loss);
    network_seconds.push_back(network);
  }
  const double loss = quench::bench::median(loss_seconds), network = quench::bench::median(network_seconds);
  std::printf("%s, %d px, batch %d, %d objects an image: loss %.1f ms, network %.1f ms: the loss is %.1f %% of both\n",
              name.c_str(), imgsz, batch, objects, loss * 1e3, network * 1e3, 100 * loss / (loss + network));
}
