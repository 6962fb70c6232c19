#pragma once

#include <cstdint>
#include <memory>

#include "data/loading/forwarded_set.h"
#include "data/sets/kept_pictures.h"

namespace quench::data {

/// Pictures of a detection set with their long side resized to `side`, as a mosaic and a letterbox begin with them;
/// kept until `limit_bytes` are full, so that each is decoded and resized once. At 320 px four times as many fit as of
/// 640 x 480 decoded pixels. May be used by many threads.
class ResizedPictures {
 public:
  static constexpr int64_t kDefaultLimit = int64_t{512} << 20;

  explicit ResizedPictures(int side, int64_t limit_bytes = kDefaultLimit) : side_(side), kept_(limit_bytes) {}
  /// Image `index` of the data set, always the same one; objects in pixels of the resized picture. The same bits
  /// whether it was kept or not.
  Sample at(const Dataset& dataset, int64_t index);
  int64_t size_bytes() const { return kept_.size_bytes(); }

 private:
  int side_;
  KeptPictures<int64_t, Sample> kept_;
};

/// A data set whose at() gives resized pictures; image() and objects() are of the originals.
class ResizedDataset : public ForwardedSet {
 public:
  /// base outlives this.
  ResizedDataset(const Dataset& base, std::shared_ptr<ResizedPictures> pictures)
      : ForwardedSet(base), pictures_(std::move(pictures)) {}

  Sample at(int64_t index) const override { return pictures_->at(base_, index); }

 private:
  std::shared_ptr<ResizedPictures> pictures_;
};

}  // namespace quench::data
