#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace quench::data {

/// One labelled image.
struct Sample {
  Tensor pixels;  ///< [H,W,3] uint8 RGB
  int32_t label = -1;
};

/// A split of a data set. at() may be called from many threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual const std::vector<std::string>& classes() const = 0;
  virtual int32_t label(int64_t index) const = 0;
  /// Throws Error{data} naming the file where an image does not decode.
  virtual Sample at(int64_t index) const = 0;
  /// sha256 that identifies the content (file hashes, or generator and seed).
  virtual std::string digest() const = 0;
};

struct Splits {
  std::string name;  ///< "cifar100"
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
};

/// Opens a built-in set (cifar100, cifar10, fashion-mnist, shapes) or an image folder
/// (train/<class>/*.png|jpg, test/ or val/ likewise). root: --data-root.
/// Throws Error{config} for an unknown name (nearest named), Error{io} for a missing set (says how to get it),
/// Error{data} for truncated files or label bytes out of range (file, offset, expectation).
Splits open(const std::string& name_or_path, const std::filesystem::path& root);

/// $QUENCH_DATA's value where given, else ~/.cache/quench. The caller reads the environment.
std::filesystem::path default_root(const char* quench_data, const char* home);

/// The first `count` of a seeded shuffle of 0..size-1, sorted. count clamps to size. 0 or less: Error{config}.
struct Subset {
  std::vector<int64_t> indices;
  std::string sha256;  ///< of the indices and the data set's digest
};
Subset calibration_subset(const Dataset& train, int64_t count, uint64_t seed);

/// The first `count` of a seeded shuffle, in the data set's order (train_limit); the data set itself where count is 0
/// or no less than its size. digest() covers the choice. Throws Error{config} for a negative count.
std::shared_ptr<const Dataset> limited(std::shared_ptr<const Dataset> dataset, int64_t count, uint64_t seed);

/// The first `count` images (test_limit); otherwise as limited().
std::shared_ptr<const Dataset> first_images(std::shared_ptr<const Dataset> dataset, int64_t count);

}  // namespace quench::data
