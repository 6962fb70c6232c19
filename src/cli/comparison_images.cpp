#include "cli/comparison_images.h"

#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "quant/image_batches.h"
#include "why/examine.h"

namespace quench::cli {

std::vector<Tensor> comparison_images(const graph::Graph& graph, const data::Splits& data, int64_t images,
                                      uint64_t seed, const program::Environment& environment) {
  std::vector<Tensor> out;
  const int64_t wanted = quant::images_to_keep(images, graph::image_side(graph), why::kMostImages);
  const quant::ImageBatches loaded =
      quant::load_images(graph, data, wanted, seed, environment.log, *environment.cancel);
  for (const Tensor& batch : loaded.batches) {
    const Tensor planar = data::to_planar(batch);
    const auto values = planar.values<uint8_t>();
    Shape shape = planar.shape();
    const size_t each = values.size() / static_cast<size_t>(shape[0]);
    shape[0] = 1;
    for (size_t i = 0; i < values.size(); i += each) {
      const auto one = values.subspan(i, each);
      out.push_back(Tensor::from(std::vector<uint8_t>(one.begin(), one.end()), shape));
    }
  }
  return out;
}

}  // namespace quench::cli
