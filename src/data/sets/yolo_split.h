#pragma once

#include "data/index/set_memory.h"
#include "data/sets/detection_files.h"

namespace quench::data {

/// The images of a split, sorted, each once.
struct ImageList {
  std::vector<std::string> images;  ///< by path_before
  std::vector<LabelIssue> issues;   ///< lines of a .txt without their image, label files without an image
  std::vector<std::string> notes;   ///< where images were found elsewhere than a .txt says
  std::vector<Sign> signs;          ///< what all this was read from
};

/// The images that `sources` name: folders (searched with their sub-folders) and .txt files (UTF-8 or UTF-16) with an
/// image a line, relative to the .txt, to a folder of `bases` or to where the program runs. Throws Error{io} where a
/// source is missing, Error{data} where it is of another kind, or where none of the lines is an image, with the first
/// and where it was looked for. Where `memory` is given, shows progress there.
ImageList list_images(const std::vector<std::filesystem::path>& sources,
                      const std::vector<std::filesystem::path>& bases, SetMemory* memory = nullptr);

/// What the pictures and label files of a split hold.
struct YoloSplit {
  IndexBuilder pictures;  ///< without issues and class names
  std::vector<LabelIssue> issues;
  std::vector<Sign> signs;  ///< pictures that were left out
  int32_t highest_label = 0;
  int64_t newest_ns = 0;  ///< last change of a file
};

/// Reads the label files and image sizes of a split, in several threads. class_count: 0 where the labels alone tell, up
/// to 10,000. Images that do not decode are left out with an issue. An image's id is its number in the file name where
/// every image has another such number (as COCO's have), else its place in the list. Throws Error{data} where no image
/// has a label file.
YoloSplit read_yolo_split(const ImageList& list, int64_t class_count, SetMemory& memory);

}  // namespace quench::data
