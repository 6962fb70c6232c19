#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "core/tensor.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"

namespace quench::quant {

/// Calibration images held in memory, for work that looks at them more than once.
struct ImageBatches {
  std::vector<Tensor> batches;  ///< uint8 RGB [N,S,S,3], fitted as for evaluation, not augmented; of content [1,H,W,3]
  int64_t count = 0;            ///< of images in all batches
  std::string sha256;           ///< of the choice (data::calibration_subset)
};

/// What is kept of letterboxed images: all of the canvas, or what content_of() leaves.
enum class Kept { canvas, content };

/// The `images` of a seeded choice of the training split, at the size of the graph's input, in the order of their
/// index; some hundred megabytes of values a batch at most. Those that cannot be read are left out, with a warning.
/// Throws Error{config} for 0 images, Error{unsupported} for an input that is not square, Error{data} where no image
/// can be read, Error{cancelled}.
ImageBatches load_images(const graph::Graph& graph, const data::Splits& data, int64_t images, uint64_t seed,
                         const LogSink& log, const CancelToken& cancel, Kept kept = Kept::canvas);

/// How many images work that keeps values of all of them looks at, where it is not told (0): `most`, and fewer above
/// 226 px, so that memory stays bounded: 128 at 640 px.
int64_t images_to_keep(int64_t told, int side, int64_t most);

/// Images a pass, so that its values stay in some hundred megabytes: 64 up to 128 px, 2 at 640 px.
int64_t images_a_pass(int imgsz);

}  // namespace quench::quant
