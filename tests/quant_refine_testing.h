#pragma once

#include "config/tables.h"
#include "quant/quantize.h"
#include "quant_testing.h"

namespace quench::quant {

inline graph::Graph prepared_graph(const graph::Graph& graph,
                                   std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 96;
  for (const auto& [key, value] : changes) config[key] = value;
  return prepare(graph, noise_splits(), config, {}, CancelToken{}).graph;
}

/// Images of NoiseDataset in batches of 16.
inline std::vector<Tensor> noise_batches(int64_t images = 48, int64_t side = 16) {
  const NoiseDataset noise(images, side);
  std::vector<Tensor> out;
  for (int64_t first = 0; first < images; first += 16) {
    std::vector<uint8_t> pixels;
    for (int64_t i = first; i < std::min(first + 16, images); ++i) {
      const Tensor image = noise.at(i).pixels;
      const auto values = image.values<uint8_t>();
      pixels.insert(pixels.end(), values.begin(), values.end());
    }
    out.push_back(Tensor::from(pixels, {static_cast<int64_t>(pixels.size()) / (side * side * 3), side, side, 3}));
  }
  return out;
}

}  // namespace quench::quant
