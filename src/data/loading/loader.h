#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/json.h"
#include "data/loading/left_out.h"
#include "data/pictures/letterbox.h"
#include "data/sets/dataset.h"
#include "pixels/canvas.h"

namespace quench::data {

/// A batch, ready for a model. Where mixup or cutmix ran, the target of image i is
/// lambda[i] * one_hot(labels[i]) + (1 - lambda[i]) * one_hot(labels_b[i]).
struct Batch {
  Tensor images;                  ///< [N,H,W,3] uint8 RGB (channels last; LibTorch permutes without a copy)
  std::vector<int32_t> labels;    ///< one for each image; detection: -1
  std::vector<int32_t> labels_b;  ///< empty where nothing was mixed
  std::vector<float> lambda;      ///< empty where nothing was mixed
  /// Detection: what each image holds, in pixels of `images`, clipped to them. Crowds only where not augmented.
  std::vector<std::vector<Object>> objects;
  std::vector<Letterbox> letterboxes;  ///< detection: how each image was fitted; empty where augmented
  std::vector<int64_t> indices;        ///< of the images in the data set
  int64_t whole = 0;  ///< images of the batch that this is a share of, all readable; without shares its own
};

struct LoaderOptions {
  int imgsz = 64;  ///< side of the square images; detection letterboxes into it, small images grow
  int64_t batch = 128;
  bool shuffle = false;
  bool drop_last = false;
  bool augment = false;
  Json augmentation;  ///< values of config::augment_options(); used where augment
  uint64_t seed = 0;
  int workers = 2;              ///< threads; 0: batches are made in next()
  int prefetch = 4;             ///< batches kept ready
  std::vector<int64_t> subset;  ///< indices to use; empty: all
  /// Of each batch this one of `shares` parts of consecutive images alone is made: those that a process among several
  /// trains on. All parts together are the batch as one would have it.
  int share = 0;
  int shares = 1;
  int64_t total_epochs = 0;  ///< of the whole training, for augment_off_epochs; 0: never off
  /// Takes up images that cannot be read; null: Loader::left_out() alone has them.
  std::shared_ptr<LeftOut> left_out;
  /// Part of a larger list: an epoch of which no image can be read gives no batch, and is no error.
  bool is_share = false;
};

/// Yields the batches of one epoch, in order, made by worker threads ahead of use. What is yielded depends on
/// (dataset, options, epoch) alone, never on threads or timing. The partners of a mosaic come from `subset` too.
/// An image that cannot be read is left out of its batch, which is smaller then (and not yielded where none is left);
/// where images are augmented, the next one of `subset` stands in, so that batches keep their size.
class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  ~Loader();
  /// Starts an epoch from batch `first_batch` on (for resume), cancelling the one before.
  void start(int64_t epoch, int64_t first_batch = 0);
  /// The next batch, or nothing at the end. Rethrows a worker's Error. Throws Error{data} at the end of an epoch of
  /// which no image could be read.
  std::optional<Batch> next();
  int64_t batches() const;
  /// What could not be read so far; all there is where an epoch has ended.
  const LeftOut& left_out() const;

 private:
  struct State;
  std::optional<Batch> next_of_all();
  std::unique_ptr<State> state_;
};

using pixels::to_planar;

}  // namespace quench::data
