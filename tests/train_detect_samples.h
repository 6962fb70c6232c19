#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "core/rng.h"
#include "models/detect_head.h"
#include "train/matching/target.h"

/// Heads, outputs and targets for tests of detection losses: images of 128 pixels, three levels.
namespace quench::train::samples {

inline constexpr int64_t kSide = 128;

inline models::DetectHead head_of(int64_t classes) {
  models::DetectHead head;
  for (int64_t k = 0; k < classes; ++k) head.classes.push_back(std::to_string(k));
  head.strides = {8, 16, 32};
  return head;
}

inline models::DetectHead anchor_head(int64_t classes) {
  models::DetectHead head = head_of(classes);
  head.anchors = {{{8, 8}, {16, 12}, {12, 20}}, {{24, 24}, {40, 24}, {28, 48}}, {{64, 56}, {48, 96}, {96, 64}}};
  return head;
}

inline models::DetectHead anchor_free_head(int64_t classes, int64_t reg_max = 16) {
  models::DetectHead head = head_of(classes);
  head.reg_max = reg_max;
  return head;
}

/// Channels of each output.
inline std::vector<int64_t> channels(const models::DetectHead& head) {
  std::vector<int64_t> all;
  for (size_t level = 0; level < head.strides.size(); ++level) {
    if (head.anchor_free()) {
      all.insert(all.end(), {4 * head.reg_max, head.class_count()});
    } else {
      all.push_back(static_cast<int64_t>(head.anchors[level].size()) * (5 + head.class_count()));
    }
  }
  return all;
}

/// Normally distributed outputs of a batch, leaves. Anchor-free sides are about two cells long, so that boxes of every
/// level have targets that they fit.
inline std::vector<torch::Tensor> random_outputs(const models::DetectHead& head, int64_t images, int seed,
                                                 torch::ScalarType type = torch::kDouble) {
  torch::manual_seed(seed);
  const std::vector<int64_t> sizes = channels(head);
  std::vector<torch::Tensor> outputs;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t cells = kSide / head.strides[i * head.strides.size() / sizes.size()];
    torch::Tensor output = torch::randn({images, sizes[i], cells, cells}, torch::kDouble);
    if (head.anchor_free() && i % 2 == 0) {
      output -= 0.4 * torch::arange(head.reg_max, torch::kDouble).repeat({4}).view({1, -1, 1, 1});
    }
    outputs.push_back(output.to(type).set_requires_grad(true));
  }
  return outputs;
}

/// Boxes of all sizes, also over the edges' cells.
inline std::vector<Target> random_targets(int64_t images, int64_t classes, int count, uint64_t seed) {
  Rng rng(seed, "targets");
  std::vector<Target> targets;
  for (int i = 0; i < count; ++i) {
    Target t;
    t.image = static_cast<int64_t>(rng.below(static_cast<uint64_t>(images)));
    t.label = static_cast<int64_t>(rng.below(static_cast<uint64_t>(classes)));
    t.width = static_cast<float>(rng.uniform(0.05, 0.8));
    t.height = static_cast<float>(rng.uniform(0.05, 0.8));
    t.cx = static_cast<float>(rng.uniform(t.width / 2, 1 - t.width / 2));
    t.cy = static_cast<float>(rng.uniform(t.height / 2, 1 - t.height / 2));
    targets.push_back(t);
  }
  return targets;
}

inline torch::Tensor rows_of(const std::vector<Target>& targets) {
  const torch::Tensor rows = torch::empty({static_cast<int64_t>(targets.size()), 6});
  auto row = rows.accessor<float, 2>();
  for (size_t i = 0; i < targets.size(); ++i) {
    const Target& t = targets[i];
    const float values[] = {static_cast<float>(t.image), static_cast<float>(t.label), t.cx, t.cy, t.width, t.height};
    std::copy(std::begin(values), std::end(values), row[static_cast<int64_t>(i)].data());
  }
  return rows;
}

inline std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& outputs) {
  std::vector<torch::Tensor> all;
  for (const torch::Tensor& output : outputs) all.push_back(output.detach().clone().set_requires_grad(true));
  return all;
}

/// Compares gradients of leaves (backward has run) with central differences of `value` over its argument, where they
/// are largest and at random places.
inline void expect_gradients(const std::vector<torch::Tensor>& leaves,
                             const std::function<double(const std::vector<torch::Tensor>&)>& value) {
  constexpr double kStep = 1e-5;
  std::vector<torch::Tensor> at = copies(leaves);
  Rng rng(1, "elements");
  for (size_t i = 0; i < leaves.size(); ++i) {
    at[i].set_requires_grad(false);
    const torch::Tensor gradient = leaves[i].grad().contiguous().view({-1});
    std::vector<int64_t> elements;
    const torch::Tensor largest = std::get<1>(gradient.abs().topk(25));
    for (int64_t k = 0; k < largest.size(0); ++k) elements.push_back(largest[k].item<int64_t>());
    for (int k = 0; k < 10; ++k) {
      elements.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(gradient.size(0)))));
    }
    const double scale = gradient.abs().max().item<double>();
    EXPECT_GT(scale, 0);
    double* values = at[i].data_ptr<double>();
    for (const int64_t k : elements) {
      const double kept = values[k];
      values[k] = kept + kStep;
      const double above = value(at);
      values[k] = kept - kStep;
      const double below = value(at);
      values[k] = kept;
      const double expected = (above - below) / (2 * kStep);
      // Measured: 2e-7 of the largest gradient, from float32 targets and the step's rounding.
      EXPECT_NEAR(gradient[k].item<double>(), expected, 1e-5 * scale) << "output " << i << ", element " << k;
    }
  }
}

}  // namespace quench::train::samples
