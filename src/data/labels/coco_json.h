#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quench::data {

struct CocoImage {
  int64_t id = 0;
  std::string file_name;
  int height = 0;  ///< 0: not said
  int width = 0;
};

/// Fields that are missing or of another type are empty.
struct CocoAnnotation {
  std::optional<int64_t> id;
  std::optional<int64_t> image_id;
  std::optional<int64_t> category_id;
  std::string wrong_id;  ///< "image_id is the text \"a\"": an id that is there, but no integer; else empty
  std::optional<std::array<double, 4>> box;  ///< left, top, width, height in pixels
  std::optional<double> area;
  bool crowd = false;
};

struct CocoCategory {
  int64_t id = 0;
  std::string name;
  bool operator==(const CocoCategory&) const = default;
};

/// Many annotations, 80 bytes each: what CocoAnnotation says of each, without its rare text.
class CocoAnnotations {
 public:
  void push_back(const CocoAnnotation& annotation);
  size_t size() const { return rows_.size(); }
  CocoAnnotation operator[](size_t i) const;

 private:
  struct Row {
    int64_t id, image_id, category_id;
    std::array<double, 4> box;
    double area;
    bool has_id, has_image, has_category, has_box, has_area, crowd;
  };
  std::vector<Row> rows_;
  std::map<size_t, std::string> wrong_ids_;
};

/// What detection needs of a COCO `instances` file (Lin et al. 2014).
struct CocoJson {
  std::vector<CocoImage> images;
  CocoAnnotations annotations;
  std::vector<CocoCategory> categories;  ///< by ascending id
};

/// Reads the text event by event, so that segments take no memory. Numbers may stand as texts of their digits ("9").
/// `where`: for errors. Throws Error{data} for text that is no JSON, a file without images, annotations or categories,
/// an image without an integer id or a file name, a category without an integer id or a name, or with an id that
/// another has.
CocoJson parse_coco_json(std::string_view text, const std::string& where);

/// The same of a file, in UTF-8 or UTF-16, with or without a byte order mark. UTF-8 is read in blocks, so that the text
/// takes no memory; at_block: is told how many bytes of how many were read, and may throw. Throws Error{io} too.
CocoJson read_coco_json(const std::filesystem::path& path,
                        const std::function<void(int64_t, int64_t)>& at_block = nullptr);

}  // namespace quench::data
