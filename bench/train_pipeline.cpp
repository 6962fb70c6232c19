// Training of yolov5n-cls on CIFAR-100, data pipeline included: train::fit (crop, flip, resize, EMA, all of it) against
// a plain torch::nn float32 loop, in turn. The plain loop is channels-last, the faster of its two layouts (train_step
// shows both), and is timed twice: on one batch that lies ready (no pipeline at all), and fed by the same loader.
//   train_pipeline [rounds=5] [steps=60] [batch=128] [imgsz=64]
// CIFAR-100 is taken from $QUENCH_DATA or ~/.cache/quench.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "config/tables.h"
#include "core/clock.h"
#include "data/loading/loader.h"
#include "models/spec.h"
#include "nn/blas.h"
#include "plain_loop.h"
#include "train/loop/trainer.h"

namespace {

namespace fs = std::filesystem;
using quench::Json;

double rate(int64_t images, int64_t start_ns) {
  return static_cast<double>(images) * 1e9 / static_cast<double>(quench::now_ns() - start_ns);
}

torch::Tensor labels_of(const quench::data::Batch& batch) {
  return torch::tensor(std::vector<int64_t>(batch.labels.begin(), batch.labels.end()));
}

torch::Tensor pixels_of(quench::data::Batch& batch) {
  return torch::from_blob(batch.images.mutable_bytes(), batch.images.shape(), torch::kByte);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const int rounds = number(1, 5), steps = number(2, 60), batch = number(3, 128), imgsz = number(4, 64);
  const char* home = std::getenv("HOME");
  quench::data::Splits data =
      quench::data::open("cifar100", quench::data::default_root(std::getenv("QUENCH_DATA"), home ? home : "."));
  data.train = quench::data::limited(data.train, int64_t{steps} * batch, 0);
  data.test = quench::data::first_images(data.test, batch);
  quench::models::BuildOptions options;
  options.classes = data.train->classes();
  options.imgsz = imgsz;
  const quench::graph::Graph graph = quench::models::build("yolov5n-cls", options);

  Json config = (quench::config::train_options() + quench::config::augment_options()).defaults();
  config["epochs"] = 1;
  config["batch"] = batch;
  config["imgsz"] = imgsz;
  const quench::LogSink quiet;
  const quench::CancelToken cancel;
  const fs::path folder = fs::temp_directory_path() / "quench-train-pipeline";

  quench::data::LoaderOptions loading;
  loading.imgsz = imgsz;
  loading.batch = batch;
  loading.shuffle = loading.augment = loading.drop_last = true;
  loading.augmentation = quench::config::augment_options().defaults();
  quench::data::Loader loader(data.train, loading);
  quench::bench::PlainLoop plain(graph, true);
  const quench::bench::Data ready{torch::randint(0, 256, {batch, imgsz, imgsz, 3}, torch::kByte),
                                  torch::randint(0, 100, {batch}, torch::kLong)};
  const int threads = at::get_num_threads();

  std::vector<double> over_ready, over_fed;
  for (int round = -1; round < rounds; ++round) {  // round -1 warms up
    at::set_num_threads(threads);
    quench::nn::set_blas_threads(threads);
    int64_t start = quench::now_ns();
    for (int i = 0; i < steps; ++i) plain.step(ready);
    const double plain_ready = rate(int64_t{steps} * batch, start);
    start = quench::now_ns();
    loader.start(round + 1);
    while (auto made = loader.next()) plain.step({pixels_of(*made), labels_of(*made)});
    const double plain_fed = rate(loader.batches() * batch, start);
    quench::nn::set_blas_threads(1);  // as the program does
    fs::remove_all(folder);
    const double ours = quench::train::fit(graph, data, config, {folder, &quiet, &cancel}).images_per_second;
    if (round < 0) continue;
    over_ready.push_back(ours / plain_ready);
    over_fed.push_back(ours / plain_fed);
    std::printf("round %d: plain, batch ready %5.0f images/s; plain, fed %5.0f; quench %5.0f; ratios %.2f %.2f\n",
                round + 1, plain_ready, plain_fed, ours, over_ready.back(), over_fed.back());
  }
  std::printf("median of quench / plain: %.2f (batch ready), %.2f (fed by the same loader)\n", median(over_ready),
              median(over_fed));
  fs::remove_all(folder);
  return 0;
}
