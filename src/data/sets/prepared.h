#pragma once

#include <memory>

#include "data/sets/dataset.h"
#include "pixels/preparation.h"

namespace quench::data {

/// What is prepared of a split.
enum class Prepared {
  all,
  /// All but pictures whose short side is imgsz or less: training augments these at their own size, then enlarges them.
  large,
};

/// The split with its pictures as a model sees them, [imgsz,imgsz,3], where they are prepared in another way than
/// quench's own; else the split itself. What fits pictures of that size leaves them as they are, so this is the one
/// place where loaders, augmentation and evaluation learn of it. digest() is the split's: the way is the model's.
/// Sets whose labels are objects stay as they are. Null gives null.
std::shared_ptr<const Dataset> prepared(std::shared_ptr<const Dataset> split, const pixels::Preparation& preparation,
                                        int imgsz, Prepared which = Prepared::all);

/// Likewise all splits; to_train_on: of the training split what Prepared::large says.
Splits prepared(Splits splits, const pixels::Preparation& preparation, int imgsz, bool to_train_on = false);

}  // namespace quench::data
