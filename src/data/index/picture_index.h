#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/index/sections.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// An object as it lies in an index: 48 bytes.
struct IndexedObject {
  double x1, y1, x2, y2, area;
  int32_t label, crowd;
};

/// What a detection set knows of a picture beside its file and objects.
struct PictureFacts {
  int64_t id = 0;
  std::string_view name;  ///< as results call it; empty: the file's
  int height = 0, width = 0;
  uint64_t picture_stamp = 0, label_stamp = 0;  ///< of its files when they were read (stamp_number)
};

/// What is known of the pictures of a split without reading their files: names, labels, boxes, sizes. It lies in flat
/// arrays (some 40 bytes for a picture of ImageNet), mapped from an index file or in memory, and is never changed.
class PictureIndex {
 public:
  /// Reads what IndexBuilder::write wrote. Its bytes outlive this. Throws Error{data} for what could not be written.
  explicit PictureIndex(SectionReader& reader);

  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  /// Of the file, below its folder, and the folder as it was added.
  std::string_view name(int64_t index) const { return names_.at(checked(index)); }
  std::string_view folder(int64_t index) const { return folders_.at(folder_[checked(index)]); }
  std::filesystem::path path(int64_t index) const;
  /// Classification.
  int32_t label(int64_t index) const { return labels_[checked(index)]; }
  /// Detection.
  ImageInfo info(int64_t index) const;
  std::vector<Object> objects(int64_t index) const;
  std::span<const IndexedObject> all_objects() const { return objects_; }
  uint64_t picture_stamp(int64_t index) const { return picture_stamps_[checked(index)]; }
  uint64_t label_stamp(int64_t index) const { return label_stamps_[checked(index)]; }
  bool is_detection() const { return !ids_.empty(); }

  std::vector<LabelIssue> issues() const;
  std::vector<std::string> classes() const { return classes_.all(); }
  std::vector<int64_t> category_ids() const { return {category_ids_.begin(), category_ids_.end()}; }

 private:
  size_t checked(int64_t index) const {
    ensure(index >= 0 && index < size(), "[data.index] expected an index below {}, got {}", size(), index);
    return static_cast<size_t>(index);
  }
  void check() const;

  Texts folders_, names_, shown_names_, issue_texts_, classes_;
  std::span<const uint32_t> folder_;
  std::span<const int32_t> labels_, heights_, widths_;
  std::span<const int64_t> ids_, issue_lines_, category_ids_;
  std::span<const uint64_t> object_ends_, picture_stamps_, label_stamps_;
  std::span<const IndexedObject> objects_;
};

/// Gathers the pictures of a split in their order.
class IndexBuilder {
 public:
  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  /// folder and name: the path's two parts; label: -1 in a detection set.
  void add(std::string_view folder, std::string_view name, int32_t label = -1);
  void add(const std::filesystem::path& path, int32_t label = -1);
  /// Of the picture that was added last; of all of a detection set's.
  void describe(const PictureFacts& facts);
  /// Replaces the ids of all.
  void set_ids(std::vector<int64_t> ids) { ids_ = std::move(ids); }
  /// To any picture, in any order between them.
  void add_object(int64_t picture, const Object& object);
  void add_issue(const LabelIssue& issue);
  void set_classes(const std::vector<std::string>& classes, const std::vector<int64_t>& category_ids = {});
  /// What write() appends, at most.
  size_t size_bytes() const;
  /// Appends the sections, and lets go of what they hold.
  void write(SectionWriter& writer);

 private:
  TextsBuilder folders_, names_, shown_names_, issue_texts_, classes_;
  std::unordered_map<std::string, uint32_t> folder_numbers_;
  std::string last_folder_;
  std::vector<uint32_t> folder_;
  std::vector<int32_t> labels_, heights_, widths_;
  std::vector<int64_t> ids_, issue_lines_, category_ids_;
  std::vector<uint64_t> picture_stamps_, label_stamps_;
  std::vector<uint32_t> owners_;  ///< of objects_
  std::vector<IndexedObject> objects_;
  bool own_names_ = false;
};

}  // namespace quench::data
