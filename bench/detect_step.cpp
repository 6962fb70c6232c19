// Where the time of training a detector goes, and how much memory it takes at most: waiting for a batch (two data
// threads, mosaic and the rest), forward, loss, backward, optimizer and average. As `quench train` does it.
//   detect_step DATA [model=yolov5n] [imgsz=320] [batch=16] [steps=20] [threads=2]
// DATA: what --data takes (a data.yaml, instances.json, cifar100-scenes:...).
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/types.h>

#include <cstdio>
#include <cstdlib>

#include "config/tables.h"
#include "core/clock.h"
#include "data/loading/loader.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "train/loop/evaluation.h"
#include "train/losses/detect_loss.h"
#include "train/matching/detect_targets.h"
#include "train/optimizers/ema.h"
#include "train/optimizers/optimizer.h"

int main(int argc, char** argv) {
  using namespace quench;
  if (argc < 2) {
    std::fprintf(stderr, "usage: detect_step DATA [model] [imgsz] [batch] [steps] [threads]\n");
    return 2;
  }
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const std::string name = argc > 2 ? argv[2] : "yolov5n";
  const int imgsz = number(3, 320), batch_size = number(4, 16), steps = number(5, 20);
  at::set_num_threads(number(6, 2));

  const char* home = std::getenv("HOME");
  const data::Splits data = data::open(argv[1], std::string(home ? home : ".") + "/.cache/quench");
  models::BuildOptions build;
  build.imgsz = imgsz;
  build.classes = data.train->classes();
  const graph::Graph graph = models::build(name, build);
  const models::DetectHead head = models::detect_head(graph);
  const auto criterion = train::make_criterion(head, train::default_gains(head));
  nn::GraphModule module(graph, {torch::kCPU, true, true});
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

  const char* parts[] = {"wait for data", "forward", "loss", "backward", "step and average"};
  int64_t spent[5] = {}, all = 0;
  for (int step = -2; step < steps; ++step) {  // the first two warm up
    int64_t times[6];
    times[0] = now_ns();
    const data::Batch batch = next();
    times[1] = now_ns();
    const std::vector<torch::Tensor> outputs = module.forward(train::pixels_of(batch.images, torch::kCPU));
    times[2] = now_ns();
    const train::DetectLoss loss = (*criterion)(outputs, train::detect_targets(batch));
    times[3] = now_ns();
    optimizer.zero_grad();
    loss.total.backward();
    times[4] = now_ns();
    optimizer.step(1e-4);
    average.update();
    times[5] = now_ns();
    if (step < 0) continue;
    for (int i = 0; i < 5; ++i) spent[i] += times[i + 1] - times[i];
    all += times[5] - times[0];
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%s, %d px, batch %d: %.1f images/s, peak memory %.2f GB\n", name.c_str(), imgsz, batch_size,
              1e9 * batch_size * steps / static_cast<double>(all), static_cast<double>(usage.ru_maxrss) / 1e6);
  for (int i = 0; i < 5; ++i) {
    std::printf("  %-17s %5.1f %%  %8.1f ms a step\n", parts[i],
                100.0 * static_cast<double>(spent[i]) / static_cast<double>(all),
                static_cast<double>(spent[i]) / 1e6 / steps);
  }
  return 0;
}
