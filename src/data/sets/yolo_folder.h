#pragma once

#include "data/index/set_memory.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// An Ultralytics data.yaml: `path` (relative: to the file's folder), `train`, `val` (else `valid`, `validation`,
/// `test`) as a folder, a list of folders or a .txt with an image a line; `names` as a list or as a map from 0..n-1,
/// else `nc`. Other keys are left alone. Where `path` is not here, the file's folder and the folder that the program
/// runs in stand for it, and a path that begins at another root is looked for by its tail (FileFinder); notes say so.
/// The label file of an image: its path with the last `/images/` replaced by `/labels/`, ending in .txt; an
/// image without one is background. Where train and val are the same images, they are one Dataset, and same_images is
/// set. `memory` keeps what was read of a large set: it is read again where a folder, a list, a picture or a label file
/// has changed. Throws Error{config} for malformed YAML; Error{io} for a missing file or folder, naming where it was
/// looked for; Error{data} for a wrong value, or where no image of a split has a label file.
Splits open_yolo_yaml(const std::filesystem::path& file, const std::shared_ptr<SetMemory>& memory = nullptr);

/// A folder with images/ and labels/, with a description (description_of), or with `train/images`, `train/labels` and
/// likewise valid/ (else test/). Sub-folders of images/ whose names begin with `train` and
/// with `val` (else `test`) are the splits; without them all images are both (same_images).
/// Class names are those of classes.txt (here or in labels/), else of the smallest annotations/instances_*.json, else
/// class_0, class_1, ... to the highest class in the labels. Throws as open_yolo_yaml().
Splits open_yolo_folder(const std::filesystem::path& folder, const std::shared_ptr<SetMemory>& memory = nullptr);

/// Whether the folder is one for open_yolo_folder().
bool is_yolo_folder(const std::filesystem::path& folder);

/// Where the labels of an image are.
std::filesystem::path yolo_label_path(const std::filesystem::path& image);

}  // namespace quench::data
