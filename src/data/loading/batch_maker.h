#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/augmentation/augment.h"
#include "data/loading/loader.h"
#include "data/loading/resized_pictures.h"
#include "data/loading/stand_ins.h"

namespace quench::data {

/// One pass over the data.
struct Epoch {
  int64_t number = 0;
  std::vector<int64_t> order;
  bool strong = true;  ///< not one of the last augment_off_epochs
};

/// What one thread needs to make batches, or a share of each. A batch is a pure function of (dataset, options, epoch,
/// number).
class BatchMaker {
 public:
  /// options.left_out is there.
  BatchMaker(const Dataset& dataset, const LoaderOptions& options)
      : dataset_(dataset), options_(options), to_train_on_(dataset, options.subset, *options.left_out) {}
  virtual ~BatchMaker() = default;

  /// Batch `number` of the epoch; nothing where `wanted` turned false on the way.
  std::optional<Batch> make(const Epoch& epoch, int64_t number, const std::function<bool()>& wanted);

 protected:
  /// Draws image `index` into out (imgsz * imgsz * 3 bytes) and appends what is known of it. False, and nothing is
  /// appended, where it cannot be read.
  virtual bool add(const Epoch& epoch, int64_t index, uint8_t* out, Batch& batch) = 0;
  /// A batch as a whole: its number, how many images it has, and which of them this process wants.
  struct Extent {
    int64_t number = 0, images = 0;
    int64_t begin = 0, end = 0;
  };
  /// Places in the batch of images that those which are wanted are mixed with, and that are not wanted themselves.
  virtual std::vector<int64_t> beside(const Epoch&, const Extent&) { return {}; }
  /// What is done to a batch as a whole. places: of its images, the wanted ones first.
  virtual void finish(const Epoch&, const Extent&, const std::vector<int64_t>& /*places*/, Batch&) {}

  const Dataset& dataset_;
  const LoaderOptions& options_;
  StandIns to_train_on_;  ///< where images are augmented
};

/// For the dataset's task. dataset, options and settings outlive the maker. pictures: what makers of one data set share
/// where images are augmented. The first maker for detection sets OpenCV to one thread a call.
std::unique_ptr<BatchMaker> make_batch_maker(const Dataset& dataset, const LoaderOptions& options,
                                             const AugmentSettings& settings,
                                             std::shared_ptr<ResizedPictures> pictures);

}  // namespace quench::data
