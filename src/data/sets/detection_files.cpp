#include "data/sets/detection_files.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "data/index/contents.h"
#include "data/sets/image_folder.h"

namespace quench::data {
namespace {

class DetectionSet : public Dataset {
 public:
  DetectionSet(std::shared_ptr<const SetIndex> index, size_t split, std::shared_ptr<ImageCache> cache,
               std::shared_ptr<SetMemory> memory, std::string key)
      : index_(std::move(index)),
        split_(index_->splits.at(split)),
        classes_(split_.classes()),
        category_ids_(split_.category_ids()),
        cache_(std::move(cache)),
        memory_(std::move(memory)),
        key_(std::move(key)) {}

  int64_t size() const override { return split_.size(); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<Object> objects(int64_t index) const override { return split_.objects(index); }
  ImageInfo image(int64_t index) const override { return split_.info(index); }
  std::filesystem::path file(int64_t index) const override { return split_.path(index); }
  std::vector<int64_t> category_ids() const override {
    return category_ids_.empty() ? Dataset::category_ids() : category_ids_;
  }
  std::vector<LabelIssue> issues() const override { return split_.issues(); }

  Sample at(int64_t index) const override {
    const std::filesystem::path path = file(index);
    Sample sample{cache_->get(path), -1, objects(index)};
    const ImageInfo info = image(index);
    const Shape expected{info.height, info.width, 3};
    if (sample.pixels.shape() != expected) {
      fail(ErrorKind::data, "[data.detection] expected {} as when the data set was opened, got {} ({})",
           to_string(expected), to_string(sample.pixels.shape()), path.string());
    }
    return sample;
  }

  std::string digest() const override {
    std::call_once(hashed_, [this] {
      Sha256 hash;
      for (const std::string& name : classes_) hash.update(name + "\n");
      for (int64_t id : category_ids_) hash.update(fmt::format("{}\n", id));
      use_contents(
          size(), [&](int64_t i) { return file(i); }, *memory_, key_,
          [&](int64_t i, const std::string& sha256) {
            const ImageInfo info = image(i);
            hash.update(fmt::format("{} {} {}\n", info.name, info.id, sha256));
            for (const Object& object : objects(i)) {
              const Box& box = object.box;
              hash.update(fmt::format("{} {} {} {} {} {} {}\n", object.label, object.crowd, box.x1, box.y1, box.x2,
                                      box.y2, object.area));
            }
          });
      digest_ = hash.hex();
    });
    return digest_;
  }

 private:
  std::shared_ptr<const SetIndex> index_;
  const PictureIndex& split_;
  std::vector<std::string> classes_;
  std::vector<int64_t> category_ids_;
  std::shared_ptr<ImageCache> cache_;
  std::shared_ptr<SetMemory> memory_;
  std::string key_;
  mutable std::once_flag hashed_;
  mutable std::string digest_;
};

}  // namespace

std::shared_ptr<const Dataset> detection_set(std::shared_ptr<const SetIndex> index, size_t split,
                                             std::shared_ptr<ImageCache> cache, std::shared_ptr<SetMemory> memory,
                                             const std::string& key) {
  const PictureIndex& pictures = index->splits.at(split);
  if (pictures.size() == 0) {
    const std::vector<LabelIssue> issues = pictures.issues();
    const std::string first = issues.empty() ? "none" : issues.front().file + ": " + issues.front().problem;
    fail(ErrorKind::data, "[data.detection] expected images, got none that can be used (first issue: {})", first);
  }
  return std::make_shared<DetectionSet>(std::move(index), split, std::move(cache), std::move(memory),
                                        fmt::format("{}\nsplit {}", key, split));
}

void add_sorted(std::vector<LabelIssue> issues, IndexBuilder& to) {
  std::ranges::stable_sort(issues, [](const LabelIssue& a, const LabelIssue& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
  for (const LabelIssue& issue : issues) to.add_issue(issue);
}

std::vector<std::string> numbered_classes(int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(fmt::format("class_{}", i));
  return names;
}

}  // namespace quench::data
