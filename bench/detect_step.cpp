// Where the time of training a detector goes, and how much memory it takes at most: waiting for a batch (two data
// threads, mosaic and the rest), forward, loss, backward, optimizer and average. As `quench train` does it.
//   detect_step DATA [model=yolov5n] [imgsz=320] [batch=16] [steps=20] [threads=2] [precision=fp32|bf16]
// DATA: what --data takes (a data.yaml, instances.json, cifar100-scenes:...).
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/types.h>

#include <cstdio>
#include <cstdlib>

#include "config/tables.h"
#include "data/loading/loader.h"
#include "models/spec.h"
#include "nn/blas.h"
#include "nn/graph_module.h"
#include "nn/kept_memory.h"
#include "train/loop/evaluation.h"
#include "train/loop/step_profile.h"
#include "train/losses/detect_loss.h"
#include "train/matching/detect_targets.h"
#include "train/optimizers/ema.h"
#include "train/optimizers/optimizer.h"

int main(int argc, char** argv) {
  using namespace quench;
  if (argc < 2) {
    std::fprintf(stderr, "usage: detect_step DATA [model] [imgsz] [batch] [steps] [threads] [precision]\n");
    return 2;
  }
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const std::string name = argc > 2 ? argv[2] : "yolov5n";
  const int imgsz = number(3, 320), batch_size = number(4, 16), steps = number(5, 20);
  at::set_num_threads(number(6, 2));
  nn::keep_freed_memory();
  nn::set_blas_threads(1);

  const char* home = std::getenv("HOME");
  const data::Splits data = data::open(argv[1], std::string(home ? home : ".") + "/.cache/quench");
  models::BuildOptions build;
  build.imgsz = imgsz;
  build.classes = data.train->classes();
  const graph::Graph graph = models::build(name, build);
  const models::DetectHead head = models::detect_head(graph);
  const auto criterion = train::make_criterion(head, train::default_gains(head));
  nn::GraphModule module(graph, {.bf16 = argc > 7 && std::string(argv[7]) == "bf16"});
  module.train(true);
  train::Optimizer optimizer(module.parameters(), {});
  std::map<std::string, torch::Tensor> averaged = module.parameters();
  averaged.merge(module.buffers());
  train::Ema average(averaged, 0.9999);

  data::LoaderOptions loading;
  loading.imgsz = imgsz;
  loading.batch = batch_size;
  loading.shuffle = loading.augment = loading.drop_last = true;
  loading.augmentation = config::augment_options().defaults();
  data::Loader loader(data.train, loading);
  int64_t epoch = 0;
  loader.start(epoch);
  const auto next = [&] {
    std::optional<data::Batch> batch = loader.next();
    while (!batch) {
      loader.start(++epoch);
      batch = loader.next();
    }
    return std::move(*batch);
  };

  train::StepProfile profile(steps);
  while (true) {
    profile.enter("wait for data");
    const data::Batch batch = next();
    profile.enter("forward");
    const std::vector<torch::Tensor> outputs = module.forward(train::pixels_of(batch.images, torch::kCPU));
    profile.enter("loss");
    const train::DetectLoss loss = (*criterion)(outputs, train::detect_targets(batch));
    profile.enter("backward");
    optimizer.zero_grad();
    loss.total.backward();
    profile.enter("optimizer");
    optimizer.step(1e-4);
    profile.enter("average");
    average.update();
    if (profile.end_step(batch_size)) break;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%s, %d px, batch %d, peak memory %.2f GB\n%s\n", name.c_str(), imgsz, batch_size,
              static_cast<double>(usage.ru_maxrss) / 1e6, profile.table().c_str());
  return 0;
}
