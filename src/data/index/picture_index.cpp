#include "data/index/picture_index.h"

#include <algorithm>
#include <utility>

namespace quench::data {

namespace fs = std::filesystem;

PictureIndex::PictureIndex(SectionReader& reader) {
  folders_ = next_texts(reader);
  names_ = next_texts(reader);
  folder_ = reader.next<uint32_t>();
  labels_ = reader.next<int32_t>();
  ids_ = reader.next<int64_t>();
  heights_ = reader.next<int32_t>();
  widths_ = reader.next<int32_t>();
  shown_names_ = next_texts(reader);
  object_ends_ = reader.next<uint64_t>();
  objects_ = reader.next<IndexedObject>();
  picture_stamps_ = reader.next<uint64_t>();
  label_stamps_ = reader.next<uint64_t>();
  issue_texts_ = next_texts(reader);
  issue_lines_ = reader.next<int64_t>();
  classes_ = next_texts(reader);
  category_ids_ = reader.next<int64_t>();
  check();
}

/// Sizes that belong together, and numbers in range, so that no index file leads outside it.
void PictureIndex::check() const {
  const size_t count = names_.size();
  const bool detection = !ids_.empty();
  const auto wanted = [&](size_t got, bool there) { return got == (there ? count : 0); };
  bool good = folder_.size() == count && wanted(labels_.size(), !detection) && wanted(ids_.size(), detection) &&
              wanted(heights_.size(), detection) && wanted(widths_.size(), detection) &&
              wanted(object_ends_.size(), detection) && wanted(picture_stamps_.size(), detection) &&
              wanted(label_stamps_.size(), detection) && (shown_names_.size() == 0 || shown_names_.size() == count) &&
              issue_texts_.size() == 3 * issue_lines_.size() &&
              (category_ids_.empty() || category_ids_.size() == classes_.size());
  good = good && std::ranges::all_of(folder_, [&](uint32_t folder) { return folder < folders_.size(); });
  uint64_t before = 0;
  for (const uint64_t end : object_ends_) {
    good = good && end >= before && end <= objects_.size();
    before = end;
  }
  const auto classes = static_cast<int64_t>(classes_.size());
  good = good && std::ranges::all_of(labels_, [&](int32_t label) { return label >= 0 && label < classes; });
  good = good && std::ranges::all_of(objects_, [&](const IndexedObject& object) {
           return object.label >= 0 && object.label < classes;
         });
  if (!good) fail(ErrorKind::data, "[data.index] expected arrays that belong together, got others");
}

fs::path PictureIndex::path(int64_t index) const {
  const std::string_view in = folder(index);
  return in.empty() ? fs::path(name(index)) : fs::path(in) / name(index);
}

ImageInfo PictureIndex::info(int64_t index) const {
  const size_t i = checked(index);
  const std::string_view shown = shown_names_.size() == 0 ? name(index) : shown_names_.at(i);
  return {ids_[i], std::string(shown), heights_[i], widths_[i]};
}

std::vector<Object> PictureIndex::objects(int64_t index) const {
  const size_t i = checked(index);
  std::vector<Object> out;
  for (uint64_t at = i == 0 ? 0 : object_ends_[i - 1]; at < object_ends_[i]; ++at) {
    const IndexedObject& object = objects_[at];
    out.push_back({Box{object.x1, object.y1, object.x2, object.y2}, object.label, object.crowd != 0, object.area});
  }
  return out;
}

std::vector<LabelIssue> PictureIndex::issues() const {
  std::vector<LabelIssue> out;
  for (size_t i = 0; i < issue_lines_.size(); ++i) {
    out.push_back({std::string(issue_texts_.at(3 * i)), issue_lines_[i], std::string(issue_texts_.at(3 * i + 1)),
                   std::string(issue_texts_.at(3 * i + 2))});
  }
  return out;
}

void IndexBuilder::add(std::string_view folder, std::string_view name, int32_t label) {
  if (folder_.empty() || folder != last_folder_) {
    last_folder_ = folder;
    const auto [found, added] = folder_numbers_.try_emplace(last_folder_, static_cast<uint32_t>(folders_.size()));
    if (added) folders_.add(folder);
    folder_.push_back(found->second);
  } else {
    folder_.push_back(folder_.back());
  }
  names_.add(name);
  labels_.push_back(label);
}

void IndexBuilder::add(const fs::path& path, int32_t label) {
  add(path.parent_path().native(), path.filename().native(), label);
}

void IndexBuilder::describe(const PictureFacts& facts) {
  ids_.push_back(facts.id);
  heights_.push_back(facts.height);
  widths_.push_back(facts.width);
  picture_stamps_.push_back(facts.picture_stamp);
  label_stamps_.push_back(facts.label_stamp);
  shown_names_.add(facts.name);
  own_names_ = own_names_ || !facts.name.empty();
}

void IndexBuilder::add_object(int64_t picture, const Object& object) {
  owners_.push_back(static_cast<uint32_t>(picture));
  objects_.push_back(
      {object.box.x1, object.box.y1, object.box.x2, object.box.y2, object.area, object.label, object.crowd ? 1 : 0});
}

void IndexBuilder::add_issue(const LabelIssue& issue) {
  issue_texts_.add(issue.file);
  issue_texts_.add(issue.problem);
  issue_texts_.add(issue.kind);
  issue_lines_.push_back(issue.line);
}

void IndexBuilder::set_classes(const std::vector<std::string>& classes, const std::vector<int64_t>& category_ids) {
  classes_ = {};
  for (const std::string& name : classes) classes_.add(name);
  category_ids_ = category_ids;
}

size_t IndexBuilder::size_bytes() const {
  size_t bytes = 1024 + folder_.size() * 56 + objects_.size() * sizeof(IndexedObject);
  for (const TextsBuilder* texts : {&folders_, &names_, &shown_names_, &issue_texts_, &classes_}) {
    bytes += texts->size_bytes();
  }
  return bytes + 8 * (issue_lines_.size() + category_ids_.size());
}

void IndexBuilder::write(SectionWriter& writer) {
  const bool detection = !ids_.empty();
  const size_t count = folder_.size();
  folders_.write(writer);
  names_.write(writer);
  writer.add(std::exchange(folder_, {}));
  if (detection) labels_ = {};
  writer.add(std::exchange(labels_, {}));
  writer.add(std::exchange(ids_, {}));
  writer.add(std::exchange(heights_, {}));
  writer.add(std::exchange(widths_, {}));
  if (!own_names_) shown_names_ = {};
  shown_names_.write(writer);
  // Objects by picture, in the order in which each got them.
  std::vector<uint64_t> ends(detection ? count : 0);
  for (const uint32_t owner : owners_) ++ends[owner];
  for (size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
  writer.add(ends);
  std::vector<uint32_t> order(objects_.size());
  for (size_t i = objects_.size(); i-- > 0;) order[--ends[owners_[i]]] = static_cast<uint32_t>(i);
  owners_ = {};
  writer.add(objects_, order);
  objects_ = {};
  writer.add(std::exchange(picture_stamps_, {}));
  writer.add(std::exchange(label_stamps_, {}));
  issue_texts_.write(writer);
  writer.add(std::exchange(issue_lines_, {}));
  classes_.write(writer);
  writer.add(std::exchange(category_ids_, {}));
}

}  // namespace quench::data
