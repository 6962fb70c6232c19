#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/labelled_images.h"
#include "core/shards.h"
#include "data/loading/left_out.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// Images a run takes at a size, `most` at most, so that a large model's values stay in some hundred megabytes: 512 at
/// 64 px, 5 at 640 px. at_once: images that run side by side (threads of a runtime); a multiple of them, so that none
/// of the threads waits for the others, but not more than twice as many images.
int64_t evaluation_batch(int imgsz, int64_t most, int64_t at_once = 1);

struct Batch;

/// What is true of each image of a batch of the split, as scores want it.
std::vector<Truth> truths_of(const Batch& batch, const Dataset& split);

struct EvaluationLoading {
  int imgsz = 64;  ///< side of the squares that images are fitted into
  int64_t batch = 64;
  int workers = 2;
  int64_t limit = 0;                       ///< the first N images; 0: all
  std::vector<int64_t> subset = {};        ///< indices to use, in this order, in place of `limit`; empty: all
  std::shared_ptr<LeftOut> left_out = {};  ///< takes up images that cannot be read
  bool is_share = false;                   ///< LoaderOptions::is_share
};

/// The images of a split as models are evaluated on, some at a call, in order, without augmentation, and what is true
/// of each; nothing at the end. Images that cannot be read are left out. images: uint8 RGB [N,imgsz,imgsz,3]. `split`
/// must outlive what is returned, which throws Error{data} at the end where no image could be read.
std::function<std::optional<LabelledImages>()> evaluation_images(const Dataset& split,
                                                                 const EvaluationLoading& loading);

/// Likewise one by one, each in the smallest rectangle (sides multiples of `multiple`) that takes it with its long side
/// resized to `side`. For sets whose labels are objects. share: of the split's images, of which none need be readable;
/// nothing: all.
std::function<std::optional<LabelledImages>()> evaluation_rectangles(const Dataset& split, int side, int multiple,
                                                                     const std::shared_ptr<LeftOut>& left_out,
                                                                     std::optional<Share> share = {});

}  // namespace quench::data
