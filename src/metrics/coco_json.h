#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/coco_map.h"

namespace quench::metrics {

/// An image of an annotation file.
struct CocoImage {
  int64_t id = 0;
  std::string file_name;  ///< "" where the file has none
  int64_t width = 0;      ///< pixels; 0 where the file has none
  int64_t height = 0;
};

/// An annotation file of boxes (COCO's `instances_*.json`), in its order.
struct CocoInstances {
  std::vector<CocoImage> images;
  std::vector<CocoCategory> categories;
  std::vector<CocoTruth> truths;
};

/// Parses `{"images": [{"id"}], "categories": [{"id", "name"}], "annotations": [{"image_id", "category_id", "bbox",
/// "area", "iscrowd"}]}`; bbox is [x, y, width, height]. `iscrowd` may be missing (0), `name`, `file_name`, `width` and
/// `height` too; other keys are passed over. Annotations of images or categories that the file does not list are kept.
/// Throws Error{data} naming `where`, list, index and key: no JSON, a missing list or key, a wrong type, an id twice.
CocoInstances parse_coco_instances(std::string_view text, std::string_view where);

/// The same from a file, plain or gzip. Throws Error{io} too.
CocoInstances read_coco_instances(const std::filesystem::path& path);

/// Parses a list of detections, COCO's format of results: `[{"image_id", "category_id", "bbox", "score"}]`. null in a
/// score or box is NaN. Throws Error{data} naming `where`, index and key.
std::vector<CocoDetection> parse_coco_detections(std::string_view text, std::string_view where);

/// The same from a file, plain or gzip. Throws Error{io} too.
std::vector<CocoDetection> read_coco_detections(const std::filesystem::path& path);

/// Writes that format, one detection a line; gzip where the name ends in ".gz". Numbers are as short as reads back the
/// same; what is not finite becomes null. Throws Error{io}.
void write_coco_detections(const std::filesystem::path& path, std::span<const CocoDetection> detections);

/// COCOeval of detections against an annotation file, over the images and categories that the file lists.
/// Throws Error{data} for a detection of an image that it does not list: that is another data set.
CocoResult evaluate(const CocoInstances& instances, std::span<const CocoDetection> detections);

}  // namespace quench::metrics
