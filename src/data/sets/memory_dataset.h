#pragma once

#include <mutex>

#include "data/sets/dataset.h"

namespace quench::data {

/// Images of one size, held in memory as [size,height,width,3] uint8 RGB.
struct PixelStore {
  int height = 0;
  int width = 0;
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  std::vector<std::string> classes;
};

/// A split that lies in memory whole. digest(): sha256 of size, class names, labels and pixels, computed at the first
/// call.
class MemoryDataset : public Dataset {
 public:
  explicit MemoryDataset(PixelStore store);
  int64_t size() const override { return static_cast<int64_t>(store_.labels.size()); }
  const std::vector<std::string>& classes() const override { return store_.classes; }
  int32_t label(int64_t index) const override { return store_.labels.at(static_cast<size_t>(index)); }
  Sample at(int64_t index) const override;
  std::string digest() const override;

 private:
  PixelStore store_;
  mutable std::once_flag hashed_;
  mutable std::string digest_;
};

}  // namespace quench::data
