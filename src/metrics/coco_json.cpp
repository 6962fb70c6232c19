#include "metrics/coco_json.h"

#include <cmath>
#include <iterator>
#include <unordered_set>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "metrics/json_rows.h"

namespace quench::metrics {
namespace {

namespace fs = std::filesystem;
using Cells = std::span<const Cell>;

std::string read_text(const fs::path& path) {
  std::string bytes = read_file(path);
  return is_gzip(bytes) ? gunzip(bytes, path.string()) : bytes;
}

/// Adds an id. Throws Error{data} where it is there.
void add_once(std::unordered_set<int64_t>& ids, int64_t id, const char* list, size_t index, std::string_view where) {
  if (!ids.insert(id).second) {
    fail(ErrorKind::data, "[metrics.coco_json] expected different ids in {0}, got {1} again in {0}[{2}] ({3})", list,
         id, index, where);
  }
}

template <typename Boxed>
void set_box(Boxed& element, const std::array<double, 4>& box) {
  element.x = box[0];
  element.y = box[1];
  element.w = box[2];
  element.h = box[3];
}

/// A JSON number; null for what JSON cannot say.
void append_number(fmt::memory_buffer& out, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    fmt::format_to(std::back_inserter(out), "null");
  }
}

}  // namespace

CocoInstances parse_coco_instances(std::string_view text, std::string_view where) {
  CocoInstances instances;
  std::unordered_set<int64_t> image_ids, category_ids;
  const std::vector<RowList> lists{
      {"images",
       {{"id", FieldType::integer},
        {"file_name", FieldType::text, false},
        {"width", FieldType::integer, false},
        {"height", FieldType::integer, false}},
       [&](Cells row) {
         add_once(image_ids, row[0].integer, "images", instances.images.size(), where);
         instances.images.push_back({row[0].integer, row[1].given ? row[1].text : "", row[2].given ? row[2].integer : 0,
                                     row[3].given ? row[3].integer : 0});
       }},
      {"categories",
       {{"id", FieldType::integer}, {"name", FieldType::text, false}},
       [&](Cells row) {
         add_once(category_ids, row[0].integer, "categories", instances.categories.size(), where);
         instances.categories.push_back({row[0].integer, row[1].given ? row[1].text : ""});
       }},
      {"annotations",
       {{"image_id", FieldType::integer},
        {"category_id", FieldType::integer},
        {"bbox", FieldType::box},
        {"area", FieldType::number},
        {"iscrowd", FieldType::flag, false}},
       [&](Cells row) {
         CocoTruth truth{.image_id = row[0].integer, .category_id = row[1].integer};
         set_box(truth, row[2].box);
         truth.area = row[3].number;
         truth.crowd = row[4].given && row[4].number != 0;
         instances.truths.push_back(truth);
       }},
  };
  read_rows(text, where, lists);
  return instances;
}

CocoInstances read_coco_instances(const fs::path& path) { return parse_coco_instances(read_text(path), path.string()); }

std::vector<CocoDetection> parse_coco_detections(std::string_view text, std::string_view where) {
  std::vector<CocoDetection> detections;
  const std::vector<RowList> lists{
      {"",
       {{"image_id", FieldType::integer},
        {"category_id", FieldType::integer},
        {"bbox", FieldType::box, true, true},
        {"score", FieldType::number, true, true}},
       [&](Cells row) {
         CocoDetection detection{.image_id = row[0].integer, .category_id = row[1].integer, .score = row[3].number};
         set_box(detection, row[2].box);
         detections.push_back(detection);
       }}};
  read_rows(text, where, lists);
  return detections;
}

std::vector<CocoDetection> read_coco_detections(const fs::path& path) {
  return parse_coco_detections(read_text(path), path.string());
}

void write_coco_detections(const fs::path& path, std::span<const CocoDetection> detections) {
  fmt::memory_buffer out;
  const auto append = [&out](std::string_view text) { out.append(text.data(), text.data() + text.size()); };
  append("[");
  const char* separator = "\n";
  for (const CocoDetection& d : detections) {
    fmt::format_to(std::back_inserter(out), R"({}{{"image_id": {}, "category_id": {}, "bbox": [)", separator,
                   d.image_id, d.category_id);
    for (const double side : {d.x, d.y, d.w}) {
      append_number(out, side);
      append(", ");
    }
    append_number(out, d.h);
    append("], \"score\": ");
    append_number(out, d.score);
    append("}");
    separator = ",\n";
  }
  append("\n]\n");
  const std::string_view text(out.data(), out.size());
  if (path.extension() == ".gz") {
    write_file(path, gzip(text));
  } else {
    write_file(path, text);
  }
}

CocoResult evaluate(const CocoInstances& instances, std::span<const CocoDetection> detections) {
  CocoEvaluation evaluation(instances.categories);
  std::unordered_set<int64_t> images;
  for (const CocoImage& image : instances.images) {
    images.insert(image.id);
    evaluation.add_image(image.id);
  }
  for (const CocoTruth& truth : instances.truths) {
    if (images.contains(truth.image_id)) evaluation.add_truth(truth);
  }
  for (size_t i = 0; i < detections.size(); ++i) {
    if (!images.contains(detections[i].image_id)) {
      fail(ErrorKind::data,
           "[metrics.coco_json] expected detections of the {} annotated images, got image_id {} in detection {}",
           images.size(), detections[i].image_id, i);
    }
    evaluation.add_detection(detections[i]);
  }
  return evaluation.evaluate();
}

}  // namespace quench::metrics
