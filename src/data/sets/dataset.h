#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/object.h"
#include "core/tensor.h"

namespace quench::data {

using quench::Object;

/// One labelled image.
struct Sample {
  Tensor pixels;                ///< [H,W,3] uint8 RGB
  int32_t label = -1;           ///< classification
  std::vector<Object> objects;  ///< detection
};

/// What is known of a detection image without decoding it.
struct ImageInfo {
  int64_t id = 0;    ///< COCO image id; else its number in the set
  std::string name;  ///< file name, for messages and results
  int height = 0;
  int width = 0;
};

/// A wrong label that was left out or mended, for the person who must mend the file.
struct LabelIssue {
  std::string file;
  int64_t line = 0;     ///< from 1; 0: the file as a whole
  std::string problem;  ///< "class 91 is not in 0..79"
  std::string kind;     ///< for counting, see docs/data.md: "class", "clipped", "duplicate", "image", ...
  bool operator==(const LabelIssue&) const = default;
};

/// A split of a data set. at() may be called from many threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual const std::vector<std::string>& classes() const = 0;
  /// Classification; -1 in a detection set.
  virtual int32_t label(int64_t index) const = 0;
  /// "classify" or "detect".
  virtual std::string task() const { return "classify"; }
  /// Detection: the objects of an image, and the image itself. Throws Error{internal} for a classification set.
  virtual std::vector<Object> objects(int64_t index) const;
  virtual ImageInfo image(int64_t index) const;
  /// The file that at() decodes; empty where the image is in none of its own.
  virtual std::filesystem::path file(int64_t) const { return {}; }
  /// The id of each class in the file that the labels came from, for results (COCO: 1..90 with gaps); else 0..n-1.
  virtual std::vector<int64_t> category_ids() const;
  /// What is wrong with the labels, in order of file and line, and files that are not read.
  virtual std::vector<LabelIssue> issues() const { return {}; }
  /// Throws Error{data} naming the file where an image does not decode.
  virtual Sample at(int64_t index) const = 0;
  /// sha256 that identifies the content: images, labels, class names (of file hashes, or of generator and seed).
  virtual std::string digest() const = 0;
};

struct Splits {
  std::string name;  ///< "cifar100"
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
  bool same_images = false;  ///< train and test are the same images (coco128): accuracy says nothing of new ones
  /// What chooses (the best epoch) looks at these, never at test; none where the data have two splits.
  std::shared_ptr<const Dataset> validation = nullptr;
  /// What was taken otherwise than the data say (a folder that is elsewhere, a file that is not used), for a person.
  std::vector<std::string> notes = {};
};

/// sha256 of what all splits hold: changes where an image, a label or a class name does.
std::string digest(const Splits& splits);

/// Opens a built-in set (cifar100, cifar10, fashion-mnist, shapes) or an image folder
/// (train/<class>/*.png|jpg, test/ or val/ likewise). root: --data-root. Detection: cifar100-scenes, a folder with
/// images/ and labels/ (YOLO layout), an Ultralytics data.yaml, a COCO instances.json (docs/data.md says more of each).
/// Hashes of image files, and of built-in sets, are remembered in root/file_digests; nowhere where root is empty, nor
/// where it is not there and may not be made (for who only looks).
/// Throws Error{config} for an unknown name (nearest named), Error{io} for a missing set (says how to get it),
/// Error{data} for truncated files or label bytes out of range (file, offset, expectation).
Splits open(const std::string& name_or_path, const std::filesystem::path& root, bool may_make_root = true);

/// $QUENCH_DATA's value where given, else ~/.cache/quench. The caller reads the environment.
std::filesystem::path default_root(const char* quench_data, const char* home);

/// The first `count` of a seeded shuffle of 0..size-1, sorted. count clamps to size. 0 or less: Error{config}.
struct Subset {
  std::vector<int64_t> indices;
  std::string sha256;  ///< of the indices and the data set's digest
};
Subset calibration_subset(const Dataset& train, int64_t count, uint64_t seed);

/// The splits with a validation split: as they are where they have one; else `share` of the training images (a seeded
/// choice, at least one) becomes it and leaves `train`, so that what trains or calibrates on `train` never sees it.
/// Throws Error{config} for a share outside (0,1), Error{data} where fewer than two training images are there.
Splits with_validation(Splits splits, double share, uint64_t seed);

/// The first `count` of a seeded shuffle, in the data set's order (train_limit); the data set itself where count is 0
/// or no less than its size. digest() covers the choice. Throws Error{config} for a negative count.
std::shared_ptr<const Dataset> limited(std::shared_ptr<const Dataset> dataset, int64_t count, uint64_t seed);

/// The data set without the images of those indices. digest() covers the choice. Throws Error{data} where none is left.
std::shared_ptr<const Dataset> without(std::shared_ptr<const Dataset> dataset, const std::vector<int64_t>& indices);

/// The first `count` images (test_limit); otherwise as limited().
std::shared_ptr<const Dataset> first_images(std::shared_ptr<const Dataset> dataset, int64_t count);

}  // namespace quench::data
