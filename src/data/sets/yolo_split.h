#pragma once

#include "data/sets/detection_files.h"

namespace quench::data {

/// The images of a split, sorted, each once.
struct ImageList {
  std::vector<std::filesystem::path> images;
  std::vector<LabelIssue> issues;  ///< lines of a .txt without their image, label files without an image
};

/// The images that `sources` name: folders (searched with their sub-folders) and .txt files with an image a line,
/// relative to `base` or to the .txt. Throws Error{io} where a source is missing, Error{data} where it is of another
/// kind.
ImageList list_images(const std::vector<std::filesystem::path>& sources, const std::filesystem::path& base);

/// Reads the label files and image sizes of a split. class_count: 0 where the labels alone tell, up to 10,000. Images
/// that do not decode are left out with an issue. An image's id is its number in the file name where every image has
/// another such number (as COCO's have), else its place in the list.
/// Throws Error{data} where no image has a label file.
DetectionFiles read_yolo_split(const ImageList& list, int64_t class_count);

}  // namespace quench::data
