#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collectives/join.h"
#include "core/file.h"
#include "core/rng.h"
#include "data_detect_samples.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "processes/free_port.h"
#include "processes_testing.h"
#include "train/loop/trainer.h"
#include "train_samples.h"

/// Trainings by several processes, which are forks of the test: it never uses LibTorch itself.
namespace quench::train::samples {

/// Pictures of coloured rectangles, 0 to 3 each, so that some shares of a batch have none.
class MadeScenes : public data::Dataset {
 public:
  MadeScenes(int64_t images, int side) : images_(images), side_(side), classes_{"a", "b", "c"} {}
  int64_t size() const override { return images_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<data::Object> objects(int64_t index) const override { return at(index).objects; }
  data::ImageInfo image(int64_t index) const override { return {index, std::to_string(index), side_, side_}; }
  std::string digest() const override { return "made scenes"; }
  data::Sample at(int64_t index) const override {
    Rng rng(1, "scene", static_cast<uint64_t>(index));
    std::vector<data::Object> objects;
    for (int64_t i = index % 4; i > 0; --i) {
      objects.push_back(testing::seeded_object(side_, side_, static_cast<int>(rng.below(3)), rng));
    }
    return testing::coloured_sample(side_, side_, std::move(objects));
  }

 private:
  int64_t images_;
  int side_;
  std::vector<std::string> classes_;
};

inline data::Splits made_scenes(int64_t train, int side) {
  return {"made", std::make_shared<MadeScenes>(train, side), std::make_shared<MadeScenes>(4, side)};
}

/// What each rank does: calls fit() with the group, null for one process.
using Training = std::function<FitResult(const FitContext&)>;

/// Trains with so many processes; rank r writes its result to `folder`/r.onnx. Their exit codes.
inline std::vector<int> train_with(int processes, const std::filesystem::path& folder, const Training& training) {
  std::filesystem::create_directories(folder);
  const int port = processes::free_port();
  return run_ranks(processes, [&](int rank) {
    const auto group = collectives::join({rank, processes, rank, "127.0.0.1", port}, {.join_seconds = 30});
    FitContext context;
    context.folder = folder / "work";
    context.group = processes > 1 ? group.get() : nullptr;
    const FitResult result = training(context);
    graph::save_onnx(result.graph, folder / (std::to_string(rank) + ".onnx"));
  });
}

inline graph::Graph result_of(const std::filesystem::path& folder, int rank = 0) {
  return graph::read_model(folder / (std::to_string(rank) + ".onnx")).graph;
}

/// All floats of a model: weights, statistics, and learned scales.
inline std::vector<double> values_of(const graph::Graph& graph) {
  std::vector<double> all;
  for (const auto& [name, weight] : graph.weights) {
    if (weight.value.dtype() != DType::f32) continue;
    for (const float value : weight.value.values<float>()) all.push_back(value);
    if (weight.quant) all.insert(all.end(), weight.quant->scale.begin(), weight.quant->scale.end());
  }
  for (const graph::Edge& edge : graph.edges) {
    if (edge.quant) all.insert(all.end(), edge.quant->scale.begin(), edge.quant->scale.end());
  }
  return all;
}

/// How far two models are from each other, as a part of how far one of them is from where it began.
inline double distance(const graph::Graph& a, const graph::Graph& b, const graph::Graph& start) {
  const std::vector<double> x = values_of(a), y = values_of(b), from = values_of(start);
  EXPECT_EQ(x.size(), y.size());
  EXPECT_EQ(x.size(), from.size());
  double apart = 0, moved = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    apart += (x[i] - y[i]) * (x[i] - y[i]);
    moved += (x[i] - from[i]) * (x[i] - from[i]);
  }
  EXPECT_GT(moved, 0);
  return std::sqrt(apart / moved);
}

}  // namespace quench::train::samples
